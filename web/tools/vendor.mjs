// Before a build: copies the chart library from node_modules to web/vendor, under a name that carries its version.
//
// The file must have the SHA-256 written here; a new version changes both on purpose. An unchanged copy is left alone, since
// `trunk watch` would otherwise build for ever.

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const WEB = join(dirname(fileURLToPath(import.meta.url)), '..');
const FILES = [{
  from: 'node_modules/lightweight-charts/dist/lightweight-charts.standalone.production.mjs',
  to: 'vendor/lightweight-charts-5.2.1/lightweight-charts.mjs',
  sha256: '1bb1ee79f9d4dd17261b53d930f7a8995748276f80e7ba0e24412b5068062f5f',
}, {
  from: 'node_modules/lightweight-charts/LICENSE',
  to: 'vendor/lightweight-charts-5.2.1/LICENSE.txt',
  sha256: '70c9d5382506dd184465425c08a99ad9bd6d9ac1313c252968ba0b585e5ef823',
}];

for (const { from, to, sha256 } of FILES) {
  const source = read(join(WEB, from));
  if (!source) fail(`\`web/${from}\` is missing`, 'npm ci --ignore-scripts --prefix web');
  const found = createHash('sha256').update(source).digest('hex');
  if (found !== sha256) fail(`\`web/${from}\` has the SHA-256 ${found}, expected ${sha256}`, 'npm ci --ignore-scripts --prefix web');
  const target = join(WEB, to);
  if (read(target)?.equals(source)) continue;
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, source);
}

function read(path) {
  try { return readFileSync(path); } catch { return undefined; }
}

function fail(what, command) {
  console.error(`vendor.mjs: ${what}\n  1. install the packages that package-lock.json names:   ${command}`);
  process.exit(1);
}
