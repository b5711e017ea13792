// What every browser test stands on: `barkeep demo` with its catalog, a Chromium, and a page that fails the test when anything
// is wrong with it: a console error, an uncaught error, a broken policy, a request to a foreign origin.
//
//   BARKEEP_BIN    the server to test (default: the release build)
//   BARKEEP_PAGES  a folder of pages to serve instead of those inside the server

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const PAGES = process.env.BARKEEP_PAGES ?? join(ROOT, 'target', 'web');
export const ARTIFACTS = join(ROOT, 'target', 'test-artifacts');
export const BTC = 'BTC/USD.BITSTAMP-1-MINUTE-LAST-EXTERNAL';
export const ACME = 'ACME.NASDAQ-1-MINUTE-LAST-EXTERNAL';
const BIN = process.env.BARKEEP_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'release', 'barkeep');
const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const START_TIMEOUT_MS = 60_000;
export const DESKTOP = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

/** Sets a demo server and a browser up for the tests of a file, and takes them down. */
export function stage() {
  const held = {};
  before(async () => {
    held.folder = mkdtempSync(join(tmpdir(), 'barkeep-e2e-'));
    held.catalog = join(held.folder, 'catalog');
    [held.server, held.url] = await startDemo(held.catalog);
    held.browser = await chromium.launch({ executablePath: chromiumPath(), args: ARGS });
  });
  after(async () => {
    await held.browser?.close();
    held.server?.kill();
    if (held.folder) rmSync(held.folder, { recursive: true, force: true });
  });
  return held;
}

/** What the command line prints for these arguments, over the demo catalog. */
export function barkeep(held, ...args) {
  return execFileSync(BIN, ['--catalog', held.catalog, ...args], { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] });
}

export const barkeepJson = (held, ...args) => JSON.parse(barkeep(held, ...args, '--format', 'json'));

/**
 * Opens a page and runs a test on it, then asserts that nothing went wrong in it.
 * @param options `allow`: further origins; `expected`: patterns of console errors that the test provokes; the rest goes to the context.
 */
export async function onPage(held, url, options, test) {
  const { allow = [], expected = [], ...context } = options;
  const origins = new Set([url, ...allow].map((each) => new URL(each).origin));
  const faults = [];
  const opened = await held.browser.newContext({ viewport: DESKTOP, reducedMotion: 'reduce', colorScheme: 'dark', deviceScaleFactor: 1, ...context });
  try {
    const page = await opened.newPage();
    page.setDefaultTimeout(20_000);
    page.on('console', (message) => {
      if (message.type() === 'error' && !expected.some((pattern) => pattern.test(message.text()))) faults.push(`console: ${message.text()}`);
    });
    page.on('pageerror', (error) => faults.push(`uncaught: ${error.message}`));
    page.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (/^https?:$/.test(protocol) && !origins.has(origin)) faults.push(`foreign request: ${request.url()}`);
    });
    await page.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
    });
    await page.goto(url);
    await test(page, opened).catch(async (error) => {
      const shown = await page.locator('.problem, .opening').allInnerTexts().catch(() => []);
      error.message += `\n  at ${page.url()}\n  shown: ${shown.join(' | ')}\n  faults: ${faults.join(' | ')}`;
      throw error;
    });
  } finally {
    await opened.close();
  }
  assert.deepEqual(faults, []);
}

/** Waits until the chart on the Chart page shows bars and the worker rests. */
export async function drawn(page) {
  await page.locator('[data-test=legend] [data-field=close]').waitFor();
  await idle(page);
}

/** Waits until a backtest is done. */
export async function ran(page) {
  await page.locator('[data-test=statistics] tr').first().waitFor();
  await idle(page);
}

/** Waits until the engine has nothing to do and a frame has been drawn since. */
export async function idle(page) {
  await page.waitForFunction(() => document.querySelector('[data-test=worker]')?.textContent === 'idle');
  await page.waitForTimeout(250);
  await page.waitForFunction(() => document.querySelector('[data-test=worker]')?.textContent === 'idle');
}

/** A number as the page prints it. */
export const number = (text) => Number(text.replaceAll(',', '').replace('−', '-').replace('+', ''));

/** Shares of the chart's pixels that are near colours, found by CSS variable names; the chart is read from its canvases. */
export async function colourShares(page, names) {
  return page.evaluate((wanted) => {
    const chart = document.querySelector('bar-chart');
    const style = getComputedStyle(chart);
    const colours = wanted.map((name) => style.getPropertyValue(name).trim().match(/\w\w/g).map((hex) => parseInt(hex, 16)));
    const found = wanted.map(() => 0);
    let pixels = 0;
    for (const canvas of chart.shadowRoot.querySelectorAll('canvas')) {
      if (canvas.width === 0 || canvas.height === 0) continue;
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      pixels += data.length / 4;
      for (let at = 0; at < data.length; at += 4) {
        colours.forEach((colour, index) => {
          const distance = Math.abs(data[at] - colour[0]) + Math.abs(data[at + 1] - colour[1]) + Math.abs(data[at + 2] - colour[2]);
          if (data[at + 3] > 200 && distance < 12) found[index] += 1;
        });
      }
    }
    return found.map((count) => count / Math.max(pixels, 1));
  }, names);
}

/** Whether anything of a chart's bars is to be seen. */
export const hasCandles = async (page) => (await page.locator('bar-chart').count()) > 0
  && await page.locator('bar-chart').first().isVisible()
  && (await colourShares(page, ['--bars-up', '--bars-down'])).some((share) => share > 0);

/** Keeps a screenshot for people to look at. */
export async function keep(page, name, options = {}) {
  mkdirSync(ARTIFACTS, { recursive: true });
  await page.screenshot({ path: join(ARTIFACTS, `${name}.png`), ...options });
}

export const link = (base, view, pairs = {}) => {
  const query = Object.entries(pairs).map(([key, value]) => `${key}=${value}`).join('&');
  return `${base}#/${view}${query ? `?${query}` : ''}`;
};

async function startDemo(catalog) {
  assert.ok(existsSync(BIN), `no server at ${BIN}; build it with \`cargo xtask demo\`, or name one in BARKEEP_BIN`);
  const pages = process.env.BARKEEP_PAGES ? ['--pages', process.env.BARKEEP_PAGES] : [];
  const server = spawn(BIN, ['--catalog', catalog, 'demo', '--port', '0', ...pages], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const url = await new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Error(`\`barkeep demo\` named no address:\n${said}`)), START_TIMEOUT_MS);
    const hear = (text) => {
      said += text;
      const address = said.match(/http:\/\/127\.0\.0\.1:\d+\//);
      if (address) { clearTimeout(timer); done(address[0]); }
    };
    server.stdout.on('data', hear);
    server.stderr.on('data', hear);
    server.on('exit', (code) => fail(new Error(`\`barkeep demo\` ended with ${code}:\n${said}`)));
  });
  return [server, url];
}

function chromiumPath() {
  const known = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].filter(Boolean);
  const found = known.find((path) => existsSync(path));
  assert.ok(found, 'no Chromium; install it (`apt-get install chromium`) or name it in CHROMIUM');
  return found;
}
