// The Catalog page: its numbers are the command line's, its days and gaps those of the demo's equity.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ACME, BTC, barkeepJson, hasCandles, drawn, idle, link, number, onPage, stage } from './harness.mjs';

const held = stage();

test('the table says what `barkeep list` says', async () => {
  const expected = barkeepJson(held, 'list');
  await onPage(held, held.url, {}, async (page) => {
    for (const series of expected) {
      const row = page.locator(`tr[data-series="${series.bar_type}"]`);
      await row.waitFor();
      const field = (name) => row.locator(`[data-field=${name}]`);
      assert.equal(number(await field('rows').textContent()), series.rows);
      assert.equal(await field('first').getAttribute('datetime'), series.first);
      assert.equal(await field('last').getAttribute('datetime'), series.last);
      assert.equal(Number(await field('size').getAttribute('data-value')), series.size_bytes);
      assert.equal(number(await field('files').textContent()), series.partitions);
      const share = Math.floor(series.rows / series.expected * 10_000) / 100;
      assert.equal(await field('coverage').textContent(), share.toFixed(2));
      const state = series.rows >= series.expected ? 'complete' : 'gaps';
      assert.match(await field('state').textContent(), new RegExp(state));
    }
    assert.equal(await page.locator('table.series tbody tr').count(), expected.length);
    const rows = expected.reduce((sum, series) => sum + series.rows, 0);
    assert.match(await page.locator('[data-test=totals]').textContent(), new RegExp(`${expected.length} series · ${rows.toLocaleString('en')} bars`));
    assert.equal(await page.locator('[data-test=snapshot]').textContent(), '1');
  });
});

test('the table is there after at most three requests for data', async () => {
  const asked = [];
  await onPage(held, 'about:blank', { allow: [held.url] }, async (page) => {
    page.on('request', (request) => { if (request.url().includes('/catalog/')) asked.push(request.url()); });
    await page.goto(held.url);
    await page.locator('table.series tbody tr').first().waitFor();
    assert.ok(asked.length >= 1 && asked.length <= 3, asked.join('\n'));
    assert.equal(number(await page.locator('[data-test=requests]').textContent()) >= 1, true);
  });
});

test('the synthetic equity is named as such, and its holes are shown', async () => {
  const series = barkeepJson(held, 'list').find((each) => each.bar_type === ACME);
  const missing = series.expected - series.rows;
  await onPage(held, link(held.url, 'catalog', { i: ACME }), {}, async (page) => {
    const detail = page.locator('[data-test=detail]');
    await detail.locator('[data-test=gaps]').waitFor();
    assert.match(await detail.locator('.facts').textContent(), /SYNTHETIC/);
    assert.match(await detail.locator('.facts').textContent(), /stamp in files = close.*UTC.*us-equities/);
    const lost = await detail.locator('[data-test=gaps] tbody tr td:nth-child(4)').allTextContents();
    assert.equal(lost.map(number).reduce((sum, each) => sum + each, 0), missing);
    assert.match(await detail.locator('[data-test=gap-summary]').textContent(), new RegExp(`${missing} bars missing`));

    const cell = (date) => detail.locator(`td[data-date="${date}"]`);
    const words = async (date) => (await cell(date).getAttribute('aria-label')).split(', ').at(-1);
    assert.equal(await words('2026-09-15'), 'missing');
    assert.equal(await words('2026-09-02'), 'partial');
    assert.equal(await words('2026-09-07'), 'closed', 'Labor Day');
    assert.equal(await words('2026-08-29'), 'closed', 'a Saturday');
    assert.equal(await words('2026-08-25'), 'complete');

    await cell('2026-09-02').click();
    await drawn(page);
    assert.match(page.url(), /#\/chart\?.*from=2026-09-02&to=2026-09-03/);
    assert.match(await page.locator('[data-test=chart-gaps]').textContent(), /1 gap in view/);
  });
});

test('the calendar is walked by keys', async () => {
  await onPage(held, link(held.url, 'catalog', { i: ACME }), {}, async (page) => {
    const last = page.locator('td[data-day][tabindex="0"]');
    await last.focus();
    assert.equal(await last.getAttribute('data-date'), '2026-09-18');
    await page.keyboard.press('ArrowLeft');
    assert.equal(await page.evaluate(() => document.activeElement.dataset.date), '2026-09-11');
    await page.keyboard.press('ArrowUp');
    assert.equal(await page.evaluate(() => document.activeElement.dataset.date), '2026-09-10');
    assert.match(await page.locator('.day [role=status]').textContent(), /^Thu 2026-09-10: 390 of 390 bars, complete$/);
    await page.keyboard.press('Enter');
    await drawn(page);
    assert.match(page.url(), /from=2026-09-10/);
    assert.ok(await hasCandles(page));
  });
});

test('sorting and filtering are part of the address', async () => {
  await onPage(held, held.url, {}, async (page) => {
    const first = () => page.locator('table.series tbody tr').first().getAttribute('data-series');
    await page.locator('table.series tbody tr').first().waitFor();
    assert.equal(await first(), ACME);
    await page.getByRole('button', { name: 'Rows' }).click();
    assert.equal(await first(), BTC);
    assert.match(page.url(), /sort=-rows/);
    await page.getByRole('searchbox', { name: 'Filter series' }).fill('venue:nas');
    await page.waitForFunction(() => document.querySelectorAll('table.series tbody tr').length === 1);
    assert.match(page.url(), /q=venue:nas/);
    await page.reload();
    await page.locator('table.series tbody tr').first().waitFor();
    assert.equal(await first(), ACME);
    assert.equal(await page.locator('table.series tbody tr').count(), 1);
    await page.getByRole('searchbox', { name: 'Filter series' }).fill('nothing like it');
    await page.getByText('No series fits this filter').waitFor();
    await idle(page);
  });
});

test('find opens a series by a part of its name', async () => {
  await onPage(held, held.url, {}, async (page) => {
    await page.locator('table.series tbody tr').first().waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('btc');
    await page.getByRole('option', { name: /BTC\/USD/ }).waitFor();
    assert.equal(await page.getByRole('option').count(), 1);
    await page.keyboard.press('Enter');
    await drawn(page);
    assert.ok(page.url().includes(`#/chart?i=${BTC}`), page.url());
  });
});
