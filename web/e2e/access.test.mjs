// Everyone can use it: axe finds nothing on any page, theme and width; the keyboard reaches everything. Screenshots are kept.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { ACME, BTC, DESKTOP, PHONE, ROOT, drawn, idle, keep, link, onPage, ran, stage } from './harness.mjs';

const held = stage();
const AXE = readFileSync(join(ROOT, 'web', 'node_modules', 'axe-core', 'axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

const VIEWS = [
  { name: 'catalog', view: 'catalog', pairs: { i: ACME }, ready: (page) => page.locator('[data-test=gaps]').waitFor() },
  { name: 'chart', view: 'chart', pairs: { i: BTC }, ready: drawn },
  { name: 'chart-gaps', view: 'chart', pairs: { i: ACME, from: '2026-09-01', to: '2026-09-04', bar: '5m' }, ready: drawn },
  { name: 'chart-table', view: 'chart', pairs: { i: BTC, show: 'table' }, ready: (page) => page.locator('[data-test=bars] tbody tr').first().waitFor() },
  { name: 'backtest', view: 'backtest', pairs: { i: BTC, bar: '15m', comm: 0.0005 }, ready: ran },
  { name: 'problem', view: 'chart', pairs: { i: 'TSLA.NASDAQ-1-MINUTE-LAST-EXTERNAL' }, ready: (page) => page.locator('.problem').waitFor() },
];
const SIZES = [['desktop', DESKTOP], ['phone', PHONE]];

for (const { name, view, pairs, ready } of VIEWS) {
  for (const scheme of ['dark', 'light']) {
    for (const [size, viewport] of SIZES) {
      test(`axe finds nothing: ${name}, ${scheme}, ${size}`, async () => {
        // The policy forbids injected scripts, as it should; here alone it is lifted for axe.
        await onPage(held, link(held.url, view, pairs), { colorScheme: scheme, viewport, bypassCSP: true }, async (page) => {
          await ready(page);
          await idle(page);
          await keep(page, `${name}-${scheme}-${size}`, { fullPage: size === 'phone' });
          await page.addScriptTag({ content: AXE });
          const { violations } = await page.evaluate((rules) => axe.run(document, { runOnly: rules }), RULES);
          const found = violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`).join(' | ')}`);
          assert.deepEqual(found, []);
        });
      });
    }
  }
}

test('the picture of the README', async () => {
  await onPage(held, link(held.url, 'chart', { i: BTC, from: '2026-08-28T12:00Z', to: '2026-08-31', bar: '15m' }), {}, async (page) => {
    await drawn(page);
    await keep(page, 'readme');
  });
});

const focused = (page) => page.evaluate(() => {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  const style = getComputedStyle(element);
  return { tag: element.tagName, name: element.getAttribute('aria-label') ?? element.textContent.trim().slice(0, 40), outline: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0, id: element.id };
});

for (const { name, view, pairs, ready } of VIEWS.filter((each) => ['catalog', 'chart', 'backtest'].includes(each.name))) {
  test(`the keyboard reaches everything and is never caught: ${name}`, async () => {
    await onPage(held, link(held.url, view, pairs), {}, async (page) => {
      await ready(page);
      await idle(page);
      const stops = [];
      for (let step = 0; step < 160; step += 1) {
        await page.keyboard.press('Tab');
        const stop = await focused(page);
        if (stop.tag === 'BODY') break;
        stops.push(stop);
        if (step > 0 && stop.name === stops[0].name && stop.tag === stops[0].tag) break;
      }
      assert.ok(stops.length > 10, 'few stops');
      assert.ok(stops.length < 160, 'caught');
      const unseen = stops.filter((stop) => !stop.outline && !['INPUT', 'SELECT'].includes(stop.tag));
      assert.deepEqual(unseen, []);
      assert.equal(stops[0].name, 'Skip to content');
      const reached = stops.map((stop) => stop.name).join(' | ');
      for (const wanted of { catalog: ['Open in Chart', 'Rows', 'Gaps as CSV'], chart: ['Auto', '1D', 'Log', 'Chart'], backtest: ['Run', 'Trades as CSV', 'Copy link with digest'] }[name]) {
        assert.ok(reached.includes(wanted), `${wanted} is not among ${reached}`);
      }
    });
  });
}

test('keys go to pages, series, sizes and help', async () => {
  await onPage(held, held.url, {}, async (page) => {
    await page.locator('table.series tbody tr').first().waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('h');
    await drawn(page);
    await page.keyboard.press(']');
    await idle(page);
    assert.ok(page.url().includes(BTC), page.url());
    await page.keyboard.press('5');
    await page.waitForFunction(() => document.querySelector('[data-test=made]')?.textContent.startsWith('1h bars'));
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await page.getByLabel('single letters act').uncheck();
    await page.keyboard.press('Escape');
    await page.keyboard.press('g');
    await page.keyboard.press('b');
    await idle(page);
    assert.match(page.url(), /#\/chart/, 'single letters are switched off');
  });
});

test('it holds at 200 % zoom', async () => {
  await onPage(held, link(held.url, 'chart', { i: BTC }), { viewport: { width: 720, height: 450 }, deviceScaleFactor: 2 }, async (page) => {
    await drawn(page);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${wide} px wider than the window`);
  });
});
