// Where bars, and the stretches without bars, stand on a chart's time axis.
//
// lightweight-charts spaces bars by index, so a hole in the data would close up unseen. Here missing bars get empty places of
// their own, at most MOST_PLACES a gap, and every gap becomes a band over them.

const MOST_PLACES = 48;

/**
 * @typedef {{start: number, end: number, missing: number}} Gap Milliseconds since 1970 UTC, half-open; how many bars are missing.
 * @typedef {{from: number, to: number, missing: number, start: number, end: number}} Band First and last place of a gap.
 * @typedef {{times: number[], bar: number[], bands: Band[]}} Points Ascending times in ms, the bar at each (or -1), and the bands.
 */

/**
 * Lays out bars and gaps.
 * @param {ArrayLike<number>} time Opens of the bars, ascending, in ms.
 * @param {Gap[]} gaps Ascending.
 * @param {number} step Size of a bar in ms.
 * @returns {Points}
 */
export function layOut(time, gaps, step) {
  const points = { times: [], bar: [], bands: [] };
  let next = 0;
  const push = (at, bar) => { points.times.push(at); points.bar.push(bar); };
  for (const gap of gaps) {
    while (next < time.length && time[next] <= gap.start) push(time[next], next++);
    const places = emptyPlaces(gap, time, next, step);
    for (const at of places) push(at, -1);
    const last = points.times.length - 1;
    const from = places.length > 0 ? last - places.length + 1 : Math.max(last, 0);
    if (last >= 0) points.bands.push({ from, to: last, missing: gap.missing, start: gap.start, end: gap.end });
  }
  while (next < time.length) push(time[next], next++);
  return points;
}

/** The steps inside a gap that hold no bar, thinned evenly. `next` is the first bar after the gap's start. */
function emptyPlaces(gap, time, next, step) {
  const before = next > 0 ? time[next - 1] + step : gap.start;
  const end = Math.min(gap.end, next < time.length ? time[next] : gap.end);
  const anchor = next > 0 ? time[next - 1] : next < time.length ? time[next] : gap.start;
  const onGrid = anchor + Math.ceil((gap.start - step - anchor + 1) / step) * step;
  const first = Math.max(before, onGrid);
  const count = Math.max(0, Math.ceil((end - first) / step));
  const places = Math.min(count, MOST_PLACES);
  return Array.from({ length: places }, (_, place) => first + Math.floor(place * count / places) * step);
}

/** The place of an instant as a fraction; beyond the ends it goes on by steps. */
export function placeOf(times, at, step) {
  if (times.length === 0) return 0;
  const last = times.length - 1;
  if (at <= times[0]) return (at - times[0]) / step;
  if (at >= times[last]) return last + (at - times[last]) / step;
  const right = firstAfter(times, at);
  return right - 1 + (at - times[right - 1]) / (times[right] - times[right - 1]);
}

/** The instant at a place; the inverse of {@link placeOf}. */
export function timeAt(times, place, step) {
  if (times.length === 0) return 0;
  const last = times.length - 1;
  if (place <= 0) return times[0] + place * step;
  if (place >= last) return times[last] + (place - last) * step;
  const left = Math.floor(place);
  return times[left] + (place - left) * (times[left + 1] - times[left]);
}

/** Index of the first time after `at`. */
export function firstAfter(times, at) {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= at) low = middle + 1; else high = middle;
  }
  return low;
}

/** The commonest distance between neighbours, as a guess at the bar's size. */
export function guessStep(time) {
  let least = Infinity;
  for (let index = 1; index < time.length; index += 1) least = Math.min(least, time[index] - time[index - 1]);
  return Number.isFinite(least) && least > 0 ? least : 60_000;
}
