// Hatched bands over the stretches without bars: a lightweight-charts series primitive that draws behind the bars.

const HATCH_PX = 7;

/** Attach to a series with `attachPrimitive`; call `update` with bands of {@link import('./points.mjs').Points}. */
export class GapBands {
  #bands = [];
  #colour = '#888';
  #attached = null;
  #views = [{ zOrder: () => 'bottom', renderer: () => ({ draw: (target) => this.#draw(target) }) }];

  attached(parameters) { this.#attached = parameters; }
  detached() { this.#attached = null; }
  paneViews() { return this.#views; }

  /** Shows other bands, in the given colour. */
  update(bands, colour) {
    this.#bands = bands;
    this.#colour = colour;
    this.#attached?.requestUpdate();
  }

  #draw(target) {
    const scale = this.#attached?.chart.timeScale();
    if (!scale) return;
    const half = scale.options().barSpacing / 2;
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      for (const band of this.#bands) {
        const [left, right] = [scale.logicalToCoordinate(band.from), scale.logicalToCoordinate(band.to)];
        if (left === null || right === null || right + half < 0 || left - half > mediaSize.width) continue;
        hatch(context, Math.max(left - half, -1), Math.min(right + half, mediaSize.width + 1), mediaSize.height, this.#colour);
      }
    });
  }
}

function hatch(context, left, right, height, colour) {
  const width = Math.max(right - left, 2);
  context.save();
  context.beginPath();
  context.rect(left, 0, width, height);
  context.clip();
  context.fillStyle = colour;
  context.globalAlpha = 0.1;
  context.fillRect(left, 0, width, height);
  context.globalAlpha = 0.55;
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  for (let x = Math.floor((left - height) / HATCH_PX) * HATCH_PX; x < right; x += HATCH_PX) {
    context.moveTo(x, height);
    context.lineTo(x + height, 0);
  }
  context.stroke();
  context.restore();
}
