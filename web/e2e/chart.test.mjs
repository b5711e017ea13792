// The Chart page: candles are drawn, their values are the files', and zoom, sizes, presets and gaps do what they say.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ACME, BTC, barkeep, colourShares, drawn, hasCandles, idle, link, number, onPage, stage } from './harness.mjs';

const held = stage();
const MINUTE_MS = 60_000;

/** Bars of the command line, by their opens. */
function stored(series, start, end) {
  const lines = barkeep(held, 'query', series, '--start', start, '--end', end, '--format', 'csv').trim().split('\n').map((line) => line.split(','));
  const column = (name) => lines[0].indexOf(name);
  return lines.slice(1).map((line) => ({
    open_ms: Date.parse(line[column('ts_event')]) - MINUTE_MS,
    ...Object.fromEntries(['open', 'high', 'low', 'close', 'volume'].map((name) => [name, line[column(name)]])),
  }));
}

/** First open, highest high, lowest low, last close, sum of volumes. */
function aggregated(bars, step) {
  const out = new Map();
  for (const bar of bars) {
    const at = Math.floor(bar.open_ms / step) * step;
    const now = out.get(at) ?? { open: +bar.open, high: -Infinity, low: Infinity, volume: 0, count: 0 };
    out.set(at, { ...now, high: Math.max(now.high, +bar.high), low: Math.min(now.low, +bar.low), close: +bar.close, volume: now.volume + +bar.volume, count: now.count + 1 });
  }
  return out;
}

async function legend(page) {
  const field = async (name) => number(await page.locator(`[data-test=legend] [data-field=${name}]`).textContent());
  const time = await page.locator('[data-test=legend] time').getAttribute('datetime');
  return { time, open: await field('open'), high: await field('high'), low: await field('low'), close: await field('close'), volume: await field('volume') };
}

const inView = async (page) => number(await page.locator('[data-test=in-view]').textContent());
const middle = async (page) => {
  const box = await page.locator('bar-chart').boundingBox();
  return [box.x + box.width * 0.45, box.y + box.height * 0.4];
};

test('candles are drawn in both colours', async () => {
  await onPage(held, link(held.url, 'chart', { i: BTC }), {}, async (page) => {
    await drawn(page);
    const [up, down, volume] = await colourShares(page, ['--bars-up', '--bars-down', '--bars-volume']);
    assert.ok(up > 0.001 && down > 0.001 && volume > 0.001, `${up} ${down} ${volume}`);
    assert.match(await page.locator('[data-test=made]').textContent(), /^5m bars made of 1m bars/);
    assert.equal(await inView(page), 288);
  });
});

test('the legend shows the stored values of the bar under the cursor', async () => {
  const window = { from: '2026-08-20T10:00Z', to: '2026-08-20T12:00Z' };
  const expected = stored(BTC, '2026-08-20T10:00:30Z', '2026-08-20T12:00:30Z');
  await onPage(held, link(held.url, 'chart', { i: BTC, ...window, bar: '1m' }), {}, async (page) => {
    await drawn(page);
    for (const share of [0.1, 0.5, 0.8]) {
      const box = await page.locator('bar-chart').boundingBox();
      await page.mouse.move(box.x + box.width * share, box.y + box.height * 0.3);
      await page.waitForTimeout(100);
      const shown = await legend(page);
      const bar = expected.find((each) => each.open_ms === Date.parse(shown.time));
      assert.ok(bar, `no stored bar opens at ${shown.time}`);
      for (const name of ['open', 'high', 'low', 'close', 'volume']) assert.equal(shown[name], Number(bar[name]), `${name} at ${shown.time}`);
    }
  });
});

test('resampled bars are the aggregate of the stored ones, for every size', async () => {
  const bars = stored(BTC, '2026-08-20T00:00:30Z', '2026-08-21T00:00:30Z');
  await onPage(held, link(held.url, 'chart', { i: BTC, from: '2026-08-20', to: '2026-08-21', show: 'table' }), {}, async (page) => {
    for (const [size, minutes] of [['5m', 5], ['15m', 15], ['30m', 30], ['1h', 60], ['4h', 240], ['1d', 1440]]) {
      await page.locator(`[data-bar="${size}"]`).click();
      await page.waitForFunction((start) => document.querySelector('[data-test=made]')?.textContent.startsWith(start), `${size} bars`);
      await idle(page);
      const expected = aggregated(bars, minutes * MINUTE_MS);
      const rows = await page.locator('[data-test=bars] tbody tr').evaluateAll((lines) => lines.map((line) => [line.querySelector('time').dateTime, ...[...line.querySelectorAll('td')].map((cell) => cell.textContent)]));
      assert.equal(rows.length, expected.size, size);
      for (const [time, open, high, low, close, volume, count] of rows) {
        const bar = expected.get(Date.parse(time));
        assert.deepEqual([open, high, low, close, count].map(number), [bar.open, bar.high, bar.low, bar.close, bar.count], `${size} ${time}`);
        assert.ok(Math.abs(number(volume) - bar.volume) < 1e-7, `${size} ${time} volume ${volume} ${bar.volume}`);
      }
    }
  });
});

test('the wheel zooms in to finer bars, and the address follows', async () => {
  await onPage(held, link(held.url, 'chart', { i: BTC, from: '2026-08-18', to: '2026-08-28' }), {}, async (page) => {
    await drawn(page);
    assert.match(await page.locator('[data-test=made]').textContent(), /^30m bars/);
    const address = page.url();
    await page.mouse.move(...await middle(page));
    for (let turn = 0; turn < 25; turn += 1) await page.mouse.wheel(0, -240);
    await page.waitForFunction(() => /^(1m|5m) bars/.test(document.querySelector('[data-test=made]').textContent));
    await idle(page);
    assert.ok(await hasCandles(page));
    assert.notEqual(page.url(), address);
    const [, from, to] = decodeURIComponent(page.url()).match(/from=([^&]+)&to=([^&]+)/);
    const days = (Date.parse(to) - Date.parse(from)) / 86_400_000;
    assert.ok(days < 3, `${from} to ${to}`);
  });
});

test('dragging pans, and bars are fetched for what comes into view', async () => {
  await onPage(held, link(held.url, 'chart', { i: BTC, from: '2026-08-24', to: '2026-08-24T06:00Z', bar: '1m' }), {}, async (page) => {
    await drawn(page);
    for (let drag = 0; drag < 4; drag += 1) {
      const [x, y] = await middle(page);
      await page.mouse.move(x - 300, y);
      await page.mouse.down();
      await page.mouse.move(x + 500, y, { steps: 8 });
      await page.mouse.up();
      await idle(page);
    }
    const [, from] = page.url().match(/from=([^&]+)/);
    assert.ok(Date.parse(from) < Date.parse('2026-08-23T18:00Z'), from);
    assert.ok(await hasCandles(page));
    assert.ok(await inView(page) > 200);
  });
});

test('presets and dates are cut to the data', async () => {
  await onPage(held, link(held.url, 'chart', { i: BTC }), {}, async (page) => {
    await drawn(page);
    await page.locator('[data-preset=All]').click();
    await page.waitForFunction(() => /2026-08-17 → 2026-08-31/.test(document.querySelector('[data-test=state-line]').textContent));
    await idle(page);
    assert.equal(await page.locator('[data-preset="1M"]').getAttribute('aria-pressed'), 'true', 'a month is all there is');
    await page.locator('[data-preset="5D"]').click();
    await page.waitForFunction(() => /2026-08-26 → 2026-08-31/.test(document.querySelector('[data-test=state-line]').textContent));
    await page.locator('#go-to-date').fill('2026-08-19');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => /2026-08-19 → 2026-08-24/.test(document.querySelector('[data-test=state-line]').textContent));
    await idle(page);
    assert.ok(await hasCandles(page));
  });
});

test('missing bars are hatched, listed and counted', async () => {
  await onPage(held, link(held.url, 'chart', { i: ACME, from: '2026-09-14', to: '2026-09-17', bar: '5m' }), {}, async (page) => {
    await drawn(page);
    const gaps = page.locator('[data-test=chart-gaps]');
    assert.match(await gaps.textContent(), /1 gap in view, 390 bars missing/);
    await gaps.locator('summary').click();
    assert.match(await gaps.locator('li').textContent(), /2026-09-15 13:30 → 2026-09-15 20:00 390 bars missing/);
    const [hatched] = await colourShares(page, ['--bars-gap']);
    const [none] = await page.evaluate(async () => { document.querySelector('bar-chart').gaps = []; await new Promise((done) => setTimeout(done, 200)); return [0]; }).then(() => colourShares(page, ['--bars-gap']));
    const lines = await page.evaluate(() => document.querySelector('bar-chart').visible.bars);
    assert.ok(lines > 100);
    assert.ok(hatched >= none);
  });
});

test('the scale becomes logarithmic', async () => {
  await onPage(held, link(held.url, 'chart', { i: BTC }), {}, async (page) => {
    await drawn(page);
    await page.getByRole('button', { name: 'Log' }).click();
    assert.match(page.url(), /log=1/);
    assert.equal(await page.locator('bar-chart').evaluate((chart) => chart.hasAttribute('log')), true);
    assert.ok(await hasCandles(page));
  });
});

test('arrow keys read bars aloud, and T shows them as a table', async () => {
  await onPage(held, link(held.url, 'chart', { i: BTC, from: '2026-08-20T10:00Z', to: '2026-08-20T11:00Z', bar: '1m' }), {}, async (page) => {
    await drawn(page);
    await page.locator('bar-chart').evaluate((chart) => chart.shadowRoot.querySelector('[role=application]').focus());
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowLeft');
    await page.waitForFunction(() => /open .*high .*low .*close .*volume/.test(document.querySelector('bar-chart').shadowRoot.querySelector('[role=status]').textContent));
    const spoken = await page.locator('bar-chart').evaluate((chart) => chart.shadowRoot.querySelector('[role=status]').textContent);
    const shown = await legend(page);
    assert.ok(spoken.startsWith(`${shown.time.slice(0, 16).replace('T', ' ')} UTC, open ${shown.open.toFixed(2)}`), `${spoken} ${shown.time}`);
    await page.keyboard.press('Shift+T');
    await page.locator('[data-test=bars] tbody tr').first().waitFor();
    assert.equal(await page.locator('[data-test=bars] tbody tr').count(), 60);
    assert.match(page.url(), /show=table/);
  });
});
