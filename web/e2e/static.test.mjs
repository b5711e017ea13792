// Pages and catalog on plain static hosts, and what the page says when a host does wrong.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { ACME, BTC, PAGES, drawn, hasCandles, idle, link, onPage, ran, stage } from './harness.mjs';
import { staticHost } from './static-host.mjs';

const held = stage();
const hosts = [];
after(() => Promise.all(hosts.map((host) => host.close())));

async function host(mounts, faults) {
  const made = await staticHost(mounts, faults);
  hosts.push(made);
  return made;
}

/** The demo catalog, as copied to another host. */
function copied() {
  const copy = join(held.folder, 'copy');
  cpSync(held.catalog, copy, { recursive: true });
  return copy;
}

test('one folder on a static host, in a sub-directory, needs no server of ours', async () => {
  const site = await host({ '/research/bars/': PAGES, '/research/bars/catalog/': copied() });
  await onPage(held, `${site.url}research/bars/`, {}, async (page) => {
    await page.locator(`tr[data-series="${BTC}"]`).waitFor();
    await page.goto(link(`${site.url}research/bars/index.html`, 'chart', { i: BTC }));
    await drawn(page);
    assert.ok(await hasCandles(page));
    await page.goto(link(`${site.url}research/bars/`, 'backtest', { i: ACME, bar: '5m' }));
    await ran(page);
  });
  assert.ok(site.requests.some((request) => request.path.endsWith('.parquet')));
});

test('the page opens a catalog on another origin, by its query and by its fragment', async () => {
  const [pages, data] = [await host({ '/': PAGES }), await host({ '/bars/': copied() })];
  const url = `${data.url}bars/`;
  for (const address of [`${pages.url}?catalog=${encodeURIComponent(url)}#/chart?i=${BTC}`, link(pages.url, 'chart', { c: url, i: BTC })]) {
    await onPage(held, address, { allow: [data.url] }, async (page) => {
      await drawn(page);
      assert.ok(await hasCandles(page));
      await page.getByRole('navigation').getByRole('link', { name: 'Catalog' }).click();
      await page.locator('[data-test=gaps], [data-test=detail] .day').first().waitFor();
      assert.match(await page.locator('[data-test=catalog-badge] summary').textContent(), /bars · snapshot 1/);
    });
  }
});

test('a host without ranges is read whole, and shows the same', async () => {
  const [pages, data] = [await host({ '/': PAGES }), await host({ '/': copied() }, { noRange: true })];
  await onPage(held, link(pages.url, 'chart', { c: data.url, i: BTC }), { allow: [data.url] }, async (page) => {
    await drawn(page);
    assert.ok(await hasCandles(page));
  });
});

/** Wrong hosts: what is broken, on which page, and what the page must say. */
const FAULTS = [
  { name: 'no catalog there', faults: { missing: () => true }, kind: /not_found/, says: /head\.json|catalog/ },
  { name: 'a forbidden catalog', faults: { status: () => 403 }, kind: /source_unavailable|not_found/, says: /403/ },
  { name: 'a host that fails', faults: { status: () => 500 }, kind: /source_unavailable/, says: /500/ },
  { name: 'no CORS', faults: { noCors: true }, kind: /source_unavailable/, says: /CORS|Access-Control|origin/i },
  { name: 'a manifest cut short', faults: { mend: cut(/head\.json$/) }, kind: /corrupt/, says: /head\.json/ },
  { name: 'a manifest of something else', faults: { mend: (path, bytes) => path.endsWith('head.json') ? Buffer.from('{"hello": 1}') : bytes }, kind: /corrupt|unsupported/, says: /head\.json/ },
  { name: 'a web page instead of the catalog', faults: { mend: (path, bytes) => path.endsWith('head.json') ? Buffer.from('<!doctype html><title>404</title>') : bytes }, kind: /./, says: /head\.json|catalog/ },
  { name: 'a missing series manifest', faults: { missing: (path) => path.includes('/series/') }, chart: true, kind: /not_found|corrupt/, says: /series/ },
  { name: 'a missing partition', faults: { missing: (path) => path.includes('/data/') }, chart: true, kind: /not_found|corrupt/, says: /parquet/ },
  { name: 'a connection that breaks in mid-read', faults: { drop: (path) => path.includes('/data/') }, chart: true, kind: /source_unavailable|corrupt/, says: /parquet/ },
  { name: 'a partition cut short', faults: { mend: cut(/\.parquet$/, /\/data\//) }, chart: true, kind: /corrupt|source_unavailable/, says: /parquet/ },
  { name: 'a flipped byte', faults: { mend: flip(/\/data\/.*\.parquet$/) }, chart: true, kind: /corrupt/, says: /parquet/ },
  { name: 'a flipped byte in the series manifest', faults: { mend: flip(/\/series\/.*\.parquet$/) }, chart: true, kind: /corrupt/, says: /series/ },
];

for (const { name, faults, chart, kind, says } of FAULTS) {
  test(`it says what is wrong, and draws no candle: ${name}`, async () => {
    const [pages, data] = [await host({ '/': PAGES }), await host({ '/': copied() }, faults)];
    const url = link(pages.url, 'chart', { c: data.url, i: BTC });
    const expected = [/Failed to load resource/, /CORS policy/, /ERR_/];
    await onPage(held, url, { allow: [data.url], expected }, async (page) => {
      const problem = page.locator('.problem').first();
      await problem.waitFor();
      await idle(page);
      const words = await problem.innerText();
      assert.match(await problem.getAttribute('data-kind'), kind, words);
      assert.match(words, says);
      assert.ok(await problem.locator('ol li').count() > 0, `no next step: ${words}`);
      assert.ok(await problem.getByRole('button', { name: 'Retry' }).isVisible());
      assert.equal(await hasCandles(page), false);
      if (chart) assert.equal(await page.locator('[data-test=legend] [data-field=close]').count(), 0);

      // Mended, it goes on from where it was.
      for (const fault of Object.keys(data.faults)) delete data.faults[fault];
      await problem.getByRole('button', { name: 'Retry' }).click();
      await drawn(page);
      assert.ok(await hasCandles(page));
    });
  });
}

test('a flipped byte stops a backtest too', async () => {
  const [pages, data] = [await host({ '/': PAGES }), await host({ '/': copied() }, { mend: flip(/\/data\/.*\.parquet$/) })];
  await onPage(held, link(pages.url, 'backtest', { c: data.url, i: BTC }), { allow: [data.url] }, async (page) => {
    await page.locator('.problem').waitFor();
    assert.equal(await page.locator('[data-test=statistics]').isVisible(), false);
  });
});

test('a slow host is waited for, with progress, and can be cancelled', async () => {
  const [pages, data] = [await host({ '/': PAGES }), await host({ '/': copied() })];
  await onPage(held, link(pages.url, 'catalog', { c: data.url, i: BTC }), { allow: [data.url], expected: [/ERR_ABORTED/] }, async (page) => {
    await page.locator('[data-test=detail] .day').waitFor();
    data.faults.delayMs = 1500;
    await page.getByRole('navigation').getByRole('link', { name: 'Backtest' }).click();
    await page.locator('.progress.busy').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('cancelled; press Run').waitFor();
    data.faults.delayMs = 0;
    await page.locator('[data-test=run]').click();
    await ran(page);
  });
});

test('a worker that is gone, or of another build, is said, with a way on', async () => {
  const missing = await host({ '/': PAGES, '/catalog/': copied() }, { missing: (path) => path.includes('/engine-') });
  await onPage(held, missing.url, { expected: [/Failed to load resource/, /ERR_/] }, async (page) => {
    await page.getByText('The engine stopped').waitFor();
    delete missing.faults.missing;
    await page.getByRole('button', { name: 'Restart' }).click();
    await page.locator('table.series tbody tr').first().waitFor();
  });
  const other = (path, bytes) => path.endsWith('/worker.mjs') ? Buffer.from('postMessage({ type: "ready", v: 1, build: "0.0.0+other" });') : bytes;
  const foreign = await host({ '/': PAGES, '/catalog/': copied() }, { mend: other });
  await onPage(held, foreign.url, {}, async (page) => {
    await page.getByText('Page and engine are of different builds').waitFor();
    assert.match(await page.locator('.problem').innerText(), /0\.0\.0\+other/);
  });
});

test('an empty catalog says how to fill it', async () => {
  const empty = (path, bytes) => {
    if (!path.endsWith('head.json')) return bytes;
    const { body } = JSON.parse(bytes);
    const text = JSON.stringify({ ...body, table: { inline: [] } });
    return Buffer.from(`{"sha256":"${createHash('sha256').update(text).digest('hex')}","body":${text}}`);
  };
  const site = await host({ '/': PAGES, '/catalog/': copied() }, { mend: empty });
  await onPage(held, site.url, {}, async (page) => {
    await page.getByText('This catalog holds no bars yet').waitFor();
    assert.match(await page.locator('.problem').innerText(), /barkeep import csv/);
  });
});

function cut(name, within = /./) {
  return (path, bytes) => name.test(path) && within.test(path) ? bytes.subarray(0, Math.floor(bytes.length / 2)) : bytes;
}

function flip(name) {
  return (path, bytes) => {
    if (!name.test(path)) return bytes;
    const copy = Buffer.from(bytes);
    copy[Math.floor(copy.length / 3)] ^= 1;
    return copy;
  };
}
