// The Backtest page: its statistics, trades and digest are the command line's.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { ACME, BTC, barkeepJson, colourShares, hasCandles, idle, link, number, onPage, ran, stage } from './harness.mjs';

const held = stage();

const CASES = [
  { name: 'as it comes', series: BTC, pairs: {}, args: [] },
  {
    name: 'with costs, windows and a range', series: BTC,
    pairs: { from: '2026-08-18', to: '2026-08-25', bar: '15m', fast: 8, slow: 34, cash: 25000, comm: 0.001, fee: 1.5, spread: 0.0002 },
    args: ['--start', '2026-08-18', '--end', '2026-08-25', '--resample', '15-MINUTE', '--param', 'fast=8', '--param', 'slow=34', '--cash', '25000', '--commission', '0.001', '--commission-fixed', '1.5', '--spread', '0.0002'],
  },
  {
    name: 'by other rules', series: ACME,
    pairs: { bar: '5m', fill: 'this_close', units: 'whole', excl: 0, final: 0, profile: 'btpy-0.6' },
    args: ['--resample', '5-MINUTE', '--fill', 'this-close', '--whole-units', '--netting', '--no-finalize', '--profile', 'btpy-0.6'],
  },
];

for (const { name, series, pairs, args } of CASES) {
  test(`statistics, trades and digest are the command line's: ${name}`, async () => {
    const report = barkeepJson(held, 'backtest', 'run', '--series', series, ...args);
    await onPage(held, link(held.url, 'backtest', { i: series, ...pairs }), {}, async (page) => {
      await ran(page);
      assert.equal(await page.locator('[data-test=digest]').textContent(), report.digest);
      const rows = await page.locator('[data-test=statistics] tr').evaluateAll((lines) => lines.map((line) => [line.dataset.name, line.dataset.value, line.querySelector('td').textContent]));
      assert.deepEqual(rows.map(([statistic]) => statistic), report.statistics.map((statistic) => statistic.name));
      for (const [index, { name: statistic, value }] of report.statistics.entries()) {
        const [, exact, text] = rows[index];
        if (value === 'undefined') assert.equal(exact, 'undefined', statistic);
        else if ('number' in value) {
          // Both run the same code; only the last digits of `powf` and its like depend on the machine.
          assert.ok(Math.abs(Number(exact) - value.number) <= 1e-9 * Math.max(1, Math.abs(value.number)), `${statistic}: ${exact} is not ${value.number}`);
          assert.ok(Math.abs(number(text) - value.number) <= 0.00501, `${statistic}: ${text} is not ${value.number}`);
        } else if ('time' in value) assert.equal(exact, value.time, statistic);
        else assert.equal(exact, `${value.duration} s`, statistic);
      }
      assert.equal(number(await page.locator('[data-test=trade-count]').textContent()), report.trades.length);
      assert.deepEqual(await page.locator('[data-test=assumptions] li').allTextContents(), report.assumptions);
      const warnings = await page.locator('[data-test=warnings] li').allTextContents();
      for (const warning of report.warnings) assert.ok(warnings.some((text) => text.includes(warning)), warning);
    });
  });
}

test('every strategy of the form is the command line\'s', async () => {
  await onPage(held, link(held.url, 'backtest', { i: BTC, bar: '1h' }), {}, async (page) => {
    await ran(page);
    const digest = page.locator('[data-test=digest]');
    const names = await page.locator('#strategy option').evaluateAll((options) => options.map((option) => option.value));
    assert.equal(names.length, 10);
    // The first is the one that ran.
    for (const name of [...names.slice(1), names[0]]) {
      const before = await digest.textContent();
      await page.locator('#strategy').selectOption(name);
      await page.waitForFunction((old) => document.querySelector('[data-test=digest]').textContent !== old, before);
      await ran(page);
      const rules = ['--long', 'crosses_above(sma(close, 10), sma(close, 20))', '--exit-long', 'crosses_below(sma(close, 10), sma(close, 20))'];
      const report = barkeepJson(held, 'backtest', 'run', '--series', BTC, '--resample', '1-HOUR', ...(name === 'rules' ? rules : ['--strategy', name]));
      assert.equal(await digest.textContent(), report.digest, name);
    }
  });
});

test('a rule that is wrong is shown with carets below the word', async () => {
  await onPage(held, link(held.url, 'backtest', { i: BTC, bar: '1h', strategy: 'rules', long: 'clsoe > sma(close, 20)' }), {}, async (page) => {
    const problem = page.locator('.problem');
    await problem.waitFor();
    assert.match(await problem.locator('h2').textContent(), /long is wrong: unknown name clsoe/);
    assert.equal(await problem.locator('pre').textContent(), 'clsoe > sma(close, 20)\n^^^^^');
    assert.match(await problem.locator('li').first().textContent(), /did you mean close/);
  });
});

test('price, equity and drawdown are drawn, and a trade brings the chart to it', async () => {
  await onPage(held, link(held.url, 'backtest', { i: BTC, bar: '1h' }), {}, async (page) => {
    await ran(page);
    const [line, down, up] = await colourShares(page, ['--bars-line', '--bars-down', '--bars-up']);
    assert.ok(line > 0 && down > 0 && up > 0, `${line} ${down} ${up}`);
    const before = await page.locator('bar-chart').evaluate((chart) => chart.visible);
    await page.getByRole('button', { name: 'Show trade 2 in the chart' }).click();
    await page.waitForFunction((to) => document.querySelector('bar-chart').visible.to < to, before.to);
    const after = await page.locator('bar-chart').evaluate((chart) => chart.visible);
    assert.ok(after.to - after.from < before.to - before.from);
  });
});

test('the equity\'s missing bars are counted beside the result', async () => {
  const series = barkeepJson(held, 'list').find((each) => each.bar_type === ACME);
  await onPage(held, link(held.url, 'backtest', { i: ACME }), {}, async (page) => {
    await ran(page);
    assert.match(await page.locator('[data-test=missing]').textContent(), new RegExp(`${series.expected - series.rows} bars missing`));
  });
});

test('the form runs, refuses what cannot be, and is part of the history', async () => {
  await onPage(held, link(held.url, 'backtest', { i: BTC, bar: '1h' }), {}, async (page) => {
    await ran(page);
    const first = await page.locator('[data-test=digest]').textContent();
    await page.locator('#slow').fill('10');
    await page.locator('[data-test=run]').click();
    await page.getByText('it must differ from the fast window').waitFor();
    assert.equal(await page.locator('#slow').getAttribute('aria-invalid'), 'true');
    await page.locator('#slow').fill('40');
    await page.locator('#comm').fill('0.1');
    await page.keyboard.press('Control+Enter');
    await page.waitForFunction((digest) => document.querySelector('[data-test=digest]').textContent !== digest, first);
    assert.match(page.url(), /slow=40&comm=0.001/);
    await page.goBack();
    await page.waitForFunction((digest) => document.querySelector('[data-test=digest]').textContent === digest, first);
    assert.equal(await page.locator('#slow').inputValue(), '20');
  });
});

test('a link with a digest says whether the fills are the same', async () => {
  const { digest } = barkeepJson(held, 'backtest', 'run', '--series', BTC, '--resample', '1-HOUR');
  const verdict = async (promised, expected) => onPage(held, link(held.url, 'backtest', { i: BTC, bar: '1h', d: promised }), {}, async (page) => {
    await ran(page);
    assert.match(await page.locator('[data-test=verdict]').textContent(), expected);
  });
  await verdict(digest.slice(0, 16), /reproduced/);
  await verdict('0123456789abcdef', /differs/);
});

test('formulas open by key, and trades are taken along as CSV', async () => {
  const report = barkeepJson(held, 'backtest', 'run', '--series', BTC, '--resample', '1-HOUR');
  await onPage(held, link(held.url, 'backtest', { i: BTC, bar: '1h' }), {}, async (page) => {
    await ran(page);
    const row = page.locator('[data-test=statistics] tr[data-name="Sharpe Ratio"]');
    await row.locator('summary').focus();
    await page.keyboard.press('Enter');
    await row.locator('.formula').waitFor({ state: 'visible' });
    const waiting = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Trades as CSV' }).click();
    const lines = readFileSync(await (await waiting).path(), 'utf8').trim().split('\n');
    assert.equal(lines.length, report.trades.length + 1);
    const [entry, exit, size, price] = lines[1].split(',');
    const [trade] = report.trades;
    assert.deepEqual([entry, exit, Number(size), Number(price)], [trade.entry_time, trade.exit_time, trade.size, trade.entry_price]);
    assert.equal(await hasCandles(page), true, 'trade markers have the candles\' colours');
    await idle(page);
  });
});
