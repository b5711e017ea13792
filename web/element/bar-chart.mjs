// <bar-chart>: candles, volume, further lines and markers on one time axis, drawn by lightweight-charts.
//
// Usable alone, on any page: set properties, listen to events. Times are milliseconds since 1970 UTC everywhere.
//
//   properties  bars {time, open, high, low, close, volume?} (columns) · step (ms) · gaps [{start, end, missing}]
//               lines [{id, title, pane, kind: 'line'|'area'|'drawdown', time, value, decimals, colour}]
//               markers [{time, side: 'buy'|'sell', text}] · decimals {price, volume}
//   methods     show(from, to) · fit() · reset() · toBlob()
//   attributes  label (for screen readers) · log · theme (light, dark or auto; colours come from CSS)
//   events      visible-range {from, to, bars} · crosshair {bar, time} or null · reset
//   CSS         --bars-bg --bars-fg --bars-grid --bars-up --bars-down --bars-volume --bars-line --bars-gap --bars-font
//   parts       frame, canvas, attribution
//
// Arrow keys move a cursor and read bars aloud; up and down zoom; Page keys pan; Home and End go to the ends.

import {
  AreaSeries, CandlestickSeries, ColorType, CrosshairMode, HistogramSeries, LineSeries, PriceScaleMode, createChart, createSeriesMarkers,
} from '../vendor/lightweight-charts-5.2.1/lightweight-charts.mjs';
import { GapBands } from './gap-bands.mjs';
import { firstAfter, guessStep, layOut, placeOf, timeAt } from './points.mjs';

const STYLE = `
:host { display: flex; flex-direction: column; min-height: 160px; position: relative; contain: layout;
  --bars-bg: #fff; --bars-fg: #5a6673; --bars-grid: #e6e9ee; --bars-up: #0b7a55; --bars-down: #c0352b; --bars-volume: #9fb4d4;
  --bars-line: #0b5cd5; --bars-gap: #8a5a00; --bars-font: system-ui, sans-serif; }
:host([hidden]) { display: none; }
.frame { flex: 1; min-height: 0; display: flex; flex-direction: column; }
.canvas { flex: 1; min-height: 0; outline-offset: -2px; touch-action: pan-y; }
.canvas:focus-visible { outline: 2px solid var(--bars-line); }
.attribution { font: 11px var(--bars-font); color: var(--bars-fg); padding: 2px 8px 3px; }
.attribution a { color: inherit; display: inline-block; min-height: 24px; line-height: 24px; }
.live { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (prefers-color-scheme: dark) { :host(:not([theme='light'])) { --bars-bg: #0d1117; --bars-fg: #8b98a7; --bars-grid: #1d2633;
  --bars-up: #2ea980; --bars-down: #e5534b; --bars-volume: #35507a; --bars-line: #4c9aff; --bars-gap: #d29922; } }
`;
const MARKUP = `<div class="frame" part="frame">
  <div class="canvas" part="canvas" tabindex="0" role="application" aria-roledescription="candlestick chart"></div>
  <div class="attribution" part="attribution">Charts: <a href="https://www.tradingview.com/" target="_blank" rel="noopener noreferrer">TradingView Lightweight Charts™</a></div>
</div><div class="live" role="status" aria-live="polite"></div>`;
const KINDS = { line: LineSeries, area: AreaSeries, drawdown: AreaSeries };
const LIVE_DELAY_MS = 150;

export class BarChart extends HTMLElement {
  static observedAttributes = ['label', 'log', 'theme'];

  #bars = null;
  #step = null;
  #gaps = [];
  #lines = [];
  #markers = [];
  #decimals = { price: 2, volume: 2 };

  #chart = null;
  #candles = null;
  #volume = null;
  #drawn = new Map();
  #marking = null;
  #bands = new GapBands();
  #points = { times: [], bar: [], bands: [] };
  #wanted = null;
  #cursor = null;
  #due = false;
  #drawnStep = null;
  #shown = null;
  #width = 0;
  #liveTimer = 0;
  #scheme = matchMedia('(prefers-color-scheme: dark)');
  #canvas;
  #live;

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    root.innerHTML = MARKUP;
    this.#canvas = root.querySelector('.canvas');
    this.#live = root.querySelector('.live');
    this.#canvas.addEventListener('keydown', (event) => this.#key(event));
  }

  connectedCallback() {
    for (const name of ['bars', 'step', 'gaps', 'lines', 'markers', 'decimals']) this.#upgrade(name);
    this.#chart = createChart(this.#canvas, {
      autoSize: true,
      layout: { attributionLogo: false, panes: { enableResize: true } },
      crosshair: { mode: CrosshairMode.Normal },
      handleScroll: { vertTouchDrag: false },
      kineticScroll: { mouse: false, touch: !matchMedia('(prefers-reduced-motion: reduce)').matches },
      timeScale: { timeVisible: true, secondsVisible: false, minBarSpacing: 0.05, enableConflation: true, rightOffset: 0 },
      localization: { timeFormatter: (seconds) => `${stamp(seconds * 1000)} UTC` },
    });
    this.#candles = this.#chart.addSeries(CandlestickSeries, { priceLineVisible: false });
    this.#candles.attachPrimitive(this.#bands);
    this.#marking = createSeriesMarkers(this.#candles, [], { autoScale: true });
    this.#chart.timeScale().subscribeVisibleLogicalRangeChange(() => this.#tellRange());
    this.#chart.timeScale().subscribeSizeChange(() => this.#resized());
    this.#chart.subscribeCrosshairMove((move) => this.#tellCrosshair(move.logical ?? null));
    this.#chart.subscribeDblClick(() => this.reset());
    this.#scheme.addEventListener('change', this.#recolour);
    this.#label();
    this.#update();
  }

  disconnectedCallback() {
    this.#scheme.removeEventListener('change', this.#recolour);
    clearTimeout(this.#liveTimer);
    this.#chart?.remove();
    this.#chart = this.#candles = this.#volume = this.#marking = null;
    this.#bands = new GapBands();
    this.#drawn.clear();
  }

  attributeChangedCallback(name) {
    if (name === 'label') this.#label();
    else this.#recolour();
  }

  get bars() { return this.#bars; }
  set bars(columns) { this.#bars = columns?.time ? columns : null; this.#changed(); }
  get step() { return this.#step; }
  set step(ms) { this.#step = ms || null; this.#changed(); }
  get gaps() { return this.#gaps; }
  set gaps(list) { this.#gaps = [...(list ?? [])]; this.#changed(); }
  get lines() { return this.#lines; }
  set lines(list) { this.#lines = [...(list ?? [])]; this.#changed(); }
  get markers() { return this.#markers; }
  set markers(list) { this.#markers = [...(list ?? [])]; if (this.#chart && !this.#due) this.#setMarkers(); }
  get decimals() { return this.#decimals; }
  set decimals(value) { this.#decimals = { price: 2, volume: 2, ...value }; this.#changed(); }

  /** The window in view, or null before anything is drawn. */
  get visible() {
    const range = this.#chart?.timeScale().getVisibleLogicalRange();
    if (!range || this.#points.times.length === 0) return null;
    const [from, to] = [range.from + 0.5, range.to + 0.5];
    const at = (place) => Math.round(timeAt(this.#points.times, place, this.#drawnStep ?? this.#barStep()));
    const first = Math.max(Math.ceil(range.from), 0);
    const last = Math.min(Math.floor(range.to), this.#points.times.length - 1);
    let bars = 0;
    for (let place = first; place <= last; place += 1) if (this.#points.bar[place] >= 0) bars += 1;
    return { from: at(from), to: at(to), bars };
  }

  /** Brings the instants from `from` up to `to` into view; kept until the data for it is set. */
  show(from, to) {
    this.#wanted = { from, to };
    this.#changed();
  }

  /** Brings everything that is set into view. */
  fit() {
    this.#wanted = 'all';
    this.#changed();
  }

  /** Undoes scaling by hand; tells the page, which may choose another window by preventing the default. */
  reset() {
    for (const pane of this.#chart?.panes() ?? []) pane.priceScale('right')?.applyOptions({ autoScale: true });
    if (this.dispatchEvent(new CustomEvent('reset', { bubbles: true, cancelable: true }))) this.fit();
  }

  /** The chart as a PNG. @returns {Promise<Blob>} */
  toBlob() {
    return new Promise((done) => this.#chart.takeScreenshot().toBlob(done, 'image/png'));
  }

  #upgrade(name) {
    if (!Object.hasOwn(this, name)) return;
    const value = this[name];
    delete this[name];
    this[name] = value;
  }

  #changed() {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => { this.#due = false; this.#update(); });
  }

  #barStep() { return this.#step ?? guessStep(this.#bars?.time ?? this.#lines[0]?.time ?? []); }

  #update() {
    if (!this.#chart) return;
    const kept = this.#keep();
    const read = this.#cursor === null ? null : this.#points.times[this.#cursor];
    const time = this.#bars?.time ?? this.#lines[0]?.time ?? [];
    this.#points = layOut(time, this.#gaps, this.#barStep());
    this.#cursor = read === null || time.length === 0 ? null : Math.max(firstAfter(this.#points.times, read) - 1, 0);
    this.#setCandles();
    this.#setLines();
    this.#setMarkers();
    this.#recolour();
    if (time.length === 0) return;
    const wanted = this.#wanted ?? kept();
    if (this.#chart.timeScale().width() === 0) {
      this.#wanted = wanted ?? 'all';
      return;
    }
    if (wanted === 'all' || !wanted) this.#chart.timeScale().fitContent();
    else if (wanted.place !== undefined) this.#chart.timeScale().setVisibleLogicalRange({ from: wanted.place, to: wanted.place + wanted.places });
    else this.#scroll(wanted.from, wanted.to);
    // The library moves with the next frame; until then the wish stands.
    requestAnimationFrame(() => {
      if (this.#wanted === wanted) this.#wanted = null;
      if (this.#chart) this.#tellRange();
    });
  }

  /** Remembers what is in view; the returned function says where that is once other data is set. */
  #keep() {
    const [range, step, times] = [this.#chart.timeScale().getVisibleLogicalRange(), this.#drawnStep, this.#points.times];
    const now = this.visible;
    this.#drawnStep = this.#barStep();
    if (!range || !now) return () => null;
    // With bars of the same size the same bars stay under the eye, also where closed time makes clock time jump.
    const anchor = Math.max(0, Math.min(times.length - 1, Math.round((range.from + range.to) / 2)));
    if (step !== this.#drawnStep || anchor < range.from || anchor > range.to) return () => now;
    return () => ({ place: placeOf(this.#points.times, times[anchor], step) - anchor + range.from, places: range.to - range.from });
  }

  #setCandles() {
    const { bars, decimals } = { bars: this.#bars, decimals: this.#decimals };
    const priceFormat = { type: 'custom', minMove: 10 ** -decimals.price, formatter: (value) => grouped(value, decimals.price) };
    this.#candles.applyOptions({ priceFormat });
    this.#candles.setData(this.#points.times.map((ms, place) => {
      const [time, at] = [ms / 1000, this.#points.bar[place]];
      if (!bars || at < 0) return { time };
      return { time, open: bars.open[at], high: bars.high[at], low: bars.low[at], close: bars.close[at] };
    }));
    if (bars?.volume && !this.#volume) {
      this.#volume = this.#chart.addSeries(HistogramSeries, { priceLineVisible: false, lastValueVisible: false, priceFormat: { type: 'volume' } }, 1);
      this.#chart.panes()[0].setStretchFactor(4);
      this.#chart.panes()[1].setStretchFactor(1);
    }
    this.#volume?.setData(Array.from(bars?.volume ?? [], (value, at) => ({ time: bars.time[at] / 1000, value })));
  }

  #setLines() {
    const ids = new Set(this.#lines.map((line) => line.id));
    for (const [id, series] of this.#drawn) {
      if (!ids.has(id)) { this.#chart.removeSeries(series); this.#drawn.delete(id); }
    }
    for (const line of this.#lines) {
      let series = this.#drawn.get(line.id);
      if (!series) {
        series = this.#chart.addSeries(KINDS[line.kind] ?? LineSeries, { lineWidth: 1, priceLineVisible: false }, line.pane ?? 0);
        this.#drawn.set(line.id, series);
        if (line.share) this.#chart.panes()[line.pane ?? 0].setStretchFactor(line.share);
      }
      const places = line.decimals ?? 2;
      const priceFormat = { type: 'custom', minMove: 10 ** -places, formatter: (value) => grouped(value, places) + (line.unit ?? '') };
      series.applyOptions({ priceFormat, title: line.title ?? '', invertFilledArea: line.kind === 'drawdown' });
      series.setData(Array.from(line.value, (value, at) => ({ time: line.time[at] / 1000, value })));
    }
  }

  #setMarkers() {
    const times = this.#points.times;
    const carrier = this.#bars ? this.#candles : this.#drawn.get(this.#lines[0]?.id) ?? this.#candles;
    this.#marking.detach();
    const colours = this.#colours();
    // A trade that ends where the next begins makes two fills on one side of one bar: one arrow.
    const once = new Map(this.#markers.map((marker) => [`${marker.time} ${marker.side} ${marker.text ?? ''}`, marker]));
    this.#marking = createSeriesMarkers(carrier, times.length === 0 ? [] : Array.from(once.values(), (marker) => {
      const buy = marker.side === 'buy';
      const place = Math.max(firstAfter(times, marker.time) - 1, 0);
      return {
        time: times[place] / 1000, position: buy ? 'belowBar' : 'aboveBar', shape: buy ? 'arrowUp' : 'arrowDown',
        color: buy ? colours.up : colours.down, text: marker.text ?? '', size: 0.8,
      };
    }));
  }

  #colours() {
    const style = getComputedStyle(this);
    const read = (name) => style.getPropertyValue(`--bars-${name}`).trim();
    return { bg: read('bg'), fg: read('fg'), grid: read('grid'), up: read('up'), down: read('down'), volume: read('volume'), line: read('line'), gap: read('gap'), font: read('font') };
  }

  #recolour = () => {
    if (!this.#chart) return;
    const c = this.#colours();
    this.#chart.applyOptions({
      layout: { background: { type: ColorType.Solid, color: c.bg }, textColor: c.fg, fontFamily: c.font, fontSize: 11, panes: { separatorColor: c.grid, separatorHoverColor: c.grid } },
      grid: { vertLines: { color: c.grid }, horzLines: { color: c.grid } },
      rightPriceScale: { borderColor: c.grid, mode: this.hasAttribute('log') ? PriceScaleMode.Logarithmic : PriceScaleMode.Normal },
      timeScale: { borderColor: c.grid },
      crosshair: { vertLine: { color: c.fg, labelBackgroundColor: c.fg }, horzLine: { color: c.fg, labelBackgroundColor: c.fg } },
    });
    this.#candles.applyOptions({ upColor: c.up, downColor: c.down, wickUpColor: c.up, wickDownColor: c.down, borderVisible: false });
    this.#volume?.applyOptions({ color: c.volume });
    this.#bands.update(this.#points.bands, c.gap);
    for (const line of this.#lines) {
      const colour = line.colour === 'down' ? c.down : line.colour === 'muted' ? c.fg : c.line;
      this.#drawn.get(line.id)?.applyOptions({ color: colour, lineColor: colour, topColor: `${colour}55`, bottomColor: `${colour}10` });
    }
  };

  #scroll(from, to) {
    const place = (at) => placeOf(this.#points.times, at, this.#barStep()) - 0.5;
    this.#chart.timeScale().setVisibleLogicalRange({ from: place(from), to: place(to) });
  }

  #tellRange() {
    const scale = this.#chart.timeScale();
    if (scale.width() !== this.#width) return this.#resized();
    this.#shown = scale.getVisibleLogicalRange();
    const detail = this.visible;
    if (detail && !this.#due) this.dispatchEvent(new CustomEvent('visible-range', { detail }));
  }

  /** A chart that changes its width keeps its window, not its spacing. */
  #resized() {
    const scale = this.#chart?.timeScale();
    if (!scale || scale.width() === 0) return;
    this.#width = scale.width();
    if (this.#wanted) this.#changed();
    else if (this.#shown) scale.setVisibleLogicalRange(this.#shown);
  }

  #tellCrosshair(logical) {
    const bar = logical === null ? undefined : this.#points.bar[logical];
    const detail = bar === undefined ? null : { bar, time: this.#points.times[logical] };
    this.dispatchEvent(new CustomEvent('crosshair', { detail }));
  }

  #label() {
    this.#canvas.setAttribute('aria-label', `${this.getAttribute('label') ?? 'Chart'}. Left and right arrows read bars, up and down zoom.`);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || this.#points.times.length === 0) return;
    const last = this.#points.times.length - 1;
    const here = this.#cursor ?? Math.min(Math.floor(this.#chart.timeScale().getVisibleLogicalRange()?.to ?? last), last);
    const far = event.shiftKey ? 10 : 1;
    const moves = {
      ArrowLeft: () => this.#moveTo(here - (this.#cursor === null ? 0 : far)),
      ArrowRight: () => this.#moveTo(here + (this.#cursor === null ? 0 : far)),
      Home: () => this.#moveTo(0),
      End: () => this.#moveTo(last),
      ArrowUp: () => this.#zoom(0.8),
      ArrowDown: () => this.#zoom(1.25),
      PageUp: () => this.#pan(-0.5),
      PageDown: () => this.#pan(0.5),
      Escape: () => { this.#cursor = null; this.#chart.clearCrosshairPosition(); this.#tellCrosshair(null); },
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    moves[event.key]();
  }

  #moveTo(place) {
    const last = this.#points.times.length - 1;
    this.#cursor = Math.max(0, Math.min(last, place));
    const range = this.#chart.timeScale().getVisibleLogicalRange();
    if (this.#cursor < range.from || this.#cursor > range.to) {
      const half = (range.to - range.from) / 2;
      this.#chart.timeScale().setVisibleLogicalRange({ from: this.#cursor - half, to: this.#cursor + half });
    }
    const bar = this.#points.bar[this.#cursor];
    const close = this.#bars && bar >= 0 ? this.#bars.close[bar] : this.#lines[0]?.value[bar];
    const series = this.#bars ? this.#candles : this.#drawn.get(this.#lines[0]?.id);
    if (close !== undefined && series) this.#chart.setCrosshairPosition(close, this.#points.times[this.#cursor] / 1000, series);
    this.#tellCrosshair(this.#cursor);
    clearTimeout(this.#liveTimer);
    this.#liveTimer = setTimeout(() => { this.#live.textContent = this.#spoken(this.#cursor); }, LIVE_DELAY_MS);
  }

  #spoken(place) {
    const [at, bar, { price, volume }] = [this.#points.times[place], this.#points.bar[place], this.#decimals];
    if (bar < 0) return `${stamp(at)} UTC, bars missing`;
    if (!this.#bars) return `${stamp(at)} UTC, ${this.#lines.map((line) => `${line.title || line.id} ${line.value[bar]?.toFixed(line.decimals ?? 2)}${line.unit ?? ''}`).join(', ')}`;
    const { open, high, low, close } = this.#bars;
    const traded = this.#bars.volume ? `, volume ${this.#bars.volume[bar].toFixed(volume)}` : '';
    return `${stamp(at)} UTC, open ${open[bar].toFixed(price)}, high ${high[bar].toFixed(price)}, low ${low[bar].toFixed(price)}, close ${close[bar].toFixed(price)}${traded}`;
  }

  #zoom(factor) {
    const { from, to } = this.#chart.timeScale().getVisibleLogicalRange();
    const [centre, half] = [this.#cursor ?? (from + to) / 2, (to - from) / 2 * factor];
    this.#chart.timeScale().setVisibleLogicalRange({ from: centre - half, to: centre + half });
  }

  #pan(screens) {
    const { from, to } = this.#chart.timeScale().getVisibleLogicalRange();
    const by = (to - from) * screens;
    this.#chart.timeScale().setVisibleLogicalRange({ from: from + by, to: to + by });
  }
}

/** A number with fixed decimals, commas and a real minus. */
function grouped(value, decimals) {
  const [whole, fraction] = Math.abs(value).toFixed(decimals).split('.');
  const text = whole.replace(/\B(?=(\d{3})+$)/g, ',') + (fraction ? `.${fraction}` : '');
  return value < 0 && Number(value.toFixed(decimals)) !== 0 ? `−${text}` : text;
}

const stamp = (ms) => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');

if (!customElements.get('bar-chart')) customElements.define('bar-chart', BarChart);
