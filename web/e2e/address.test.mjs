// The address holds everything: reload, back, forward, a new context, and links that are not what they should be.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ACME, BTC, PHONE, drawn, hasCandles, idle, link, onPage, ran, stage } from './harness.mjs';

const held = stage();

const text = (page, name) => page.locator(`[data-test=${name}]`).textContent();

test('a link shows the same in a new context', async () => {
  let url; let seen;
  await onPage(held, link(held.url, 'chart', { i: ACME }), {}, async (page) => {
    await drawn(page);
    await page.locator('[data-preset="5D"]').click();
    await idle(page);
    await page.locator('[data-bar="15m"]').click();
    await idle(page);
    await page.getByRole('button', { name: 'Log' }).click();
    await idle(page);
    [url, seen] = [page.url(), [await text(page, 'legend'), await text(page, 'state-line')]];
  });
  assert.match(url, /bar=15m&log=1/);
  await onPage(held, url, {}, async (page) => {
    await drawn(page);
    assert.deepEqual([await text(page, 'legend'), await text(page, 'state-line')], seen);
    assert.equal(page.url(), url);
    await page.reload();
    await drawn(page);
    assert.deepEqual([await text(page, 'legend'), await text(page, 'state-line')], seen);
    assert.equal(page.url(), url);
  });
});

test('back and forward go through what was shown', async () => {
  await onPage(held, held.url, {}, async (page) => {
    await page.locator(`tr[data-series="${BTC}"]`).click();
    await page.getByRole('link', { name: 'Open in Chart' }).click();
    await drawn(page);
    await page.locator('[data-bar="1h"]').click();
    await page.waitForFunction(() => document.querySelector('[data-test=made]')?.textContent.startsWith('1h bars'));
    await page.getByRole('navigation').getByRole('link', { name: 'Backtest' }).click();
    await ran(page);
    const digest = await text(page, 'digest');
    await page.goBack();
    await page.waitForFunction(() => document.querySelector('[data-test=made]')?.textContent.startsWith('1h bars'));
    await idle(page);
    await page.goBack();
    await page.waitForFunction(() => document.querySelector('[data-test=made]')?.textContent.startsWith('5m bars'));
    await idle(page);
    await page.goBack();
    await page.locator('[data-test=detail]').waitFor();
    for (let step = 0; step < 3; step += 1) await page.goForward();
    await ran(page);
    assert.equal(await text(page, 'digest'), digest);
  });
});

test('moving about asks for the catalog once', async () => {
  await onPage(held, held.url, {}, async (page) => {
    const heads = [];
    page.on('request', (request) => { if (request.url().endsWith('/manifest/head.json')) heads.push(request.url()); });
    await page.reload();
    await page.locator(`tr[data-series="${BTC}"]`).click();
    for (const name of ['Chart', 'Backtest', 'Catalog', 'Chart']) {
      await page.getByRole('navigation').getByRole('link', { name }).click();
      await idle(page);
    }
    assert.equal(heads.length, 1);
  });
});

test('unknown keys are kept, and what cannot be read is said', async () => {
  await onPage(held, link(held.url, 'chart', { i: BTC, from: 'soon', bar: '7q', later: '7' }), {}, async (page) => {
    await drawn(page);
    const strip = page.locator('.strip');
    assert.match(await strip.textContent(), /`?from=soon`? was left out.*bar=7q/);
    await page.getByRole('button', { name: 'Log' }).click();
    assert.match(page.url(), /log=1&later=7$/);
    assert.ok(await hasCandles(page));
  });
});

test('a link to a series that is not there says so', async () => {
  await onPage(held, link(held.url, 'chart', { i: 'TSLA.NASDAQ-1-MINUTE-LAST-EXTERNAL' }), {}, async (page) => {
    const problem = page.locator('.problem');
    await problem.waitFor();
    assert.match(await problem.textContent(), /holds no TSLA\.NASDAQ-1-MINUTE-LAST-EXTERNAL/);
    assert.equal(await problem.getAttribute('data-kind'), 'not_found');
    assert.equal(await hasCandles(page), false);
  });
});

test('a pinned snapshot is opened, named, and let go', async () => {
  await onPage(held, link(held.url, 'catalog', { snap: 1 }), {}, async (page) => {
    await page.locator('table.series tbody tr').first().waitFor();
    const badge = page.locator('[data-test=catalog-badge]');
    assert.match(await badge.locator('summary').textContent(), /snapshot 1 \(pinned\)/);
    await badge.locator('summary').click();
    await page.getByRole('button', { name: 'Use the newest snapshot' }).click();
    await page.locator('table.series tbody tr').first().waitFor();
    assert.doesNotMatch(page.url(), /snap=/);
  });
});

test('a snapshot that is not there says so', async () => {
  const expected = [/Failed to load resource/];
  await onPage(held, link(held.url, 'catalog', { snap: 99 }), { expected }, async (page) => {
    await page.locator('.problem').waitFor();
    assert.match(await page.locator('.problem').textContent(), /99/);
  });
});

test('the theme is kept in this browser and nowhere else', async () => {
  await onPage(held, held.url, { colorScheme: 'light' }, async (page, context) => {
    await page.locator('table.series tbody tr').first().waitFor();
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    await page.keyboard.press('t');
    await page.keyboard.press('t');
    assert.notEqual(await background(), light);
    assert.doesNotMatch(page.url(), /theme|dark/);
    await page.reload();
    assert.notEqual(await background(), light);
    assert.deepEqual(await context.cookies(), []);
  });
});

test('a phone shows the same chart', async () => {
  await onPage(held, link(held.url, 'chart', { i: BTC }), { viewport: PHONE, hasTouch: true }, async (page) => {
    await drawn(page);
    assert.ok(await hasCandles(page));
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `the page is ${wide} px wider than the phone`);
  });
});
