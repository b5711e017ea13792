// After a build: makes the folder fit for any static host, for ever cacheable and under a strict policy.
//
// - One stylesheet instead of several, and the boot script in a file of its own: nothing inline.
// - `engine` and `element` get a hash of their content in their names, as Trunk gives to everything else.
// - The policy is written into the page, so it holds on hosts that set no headers.
// - In release builds every text and wasm file is compressed beside itself, for hosts that serve such files.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const POLICY = [
  "default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "worker-src 'self'", "style-src 'self'", "img-src 'self' data:",
  'connect-src *', "font-src 'self'", "base-uri 'self'", "form-action 'none'",
].join('; ');
const COMPRESSED = /\.(html|js|mjs|css|wasm|svg|json|txt)$/;
const SMALLEST_BYTES = 256;

const root = process.env.TRUNK_STAGING_DIR;
if (!root) throw new Error('finish.mjs runs as a hook of `trunk build`');
const page = join(root, 'index.html');

let html = readFileSync(page, 'utf8');
html = oneStylesheet(html);
html = bootInItsOwnFile(html);
html = html.replaceAll('element/bar-chart.mjs', `${hashFolder('element')}/bar-chart.mjs`);
html = html.replace(/(<meta name="barkeep-engine" content=")[^"]*/, `$1${hashFolder('engine')}/worker.mjs`);
html = html.replace('<meta charset="utf-8">', `<meta charset="utf-8">\n  <meta http-equiv="Content-Security-Policy" content="${POLICY}">`);
check(html);
writeFileSync(page, html);
if (process.env.TRUNK_PROFILE === 'release') compress(root);

function oneStylesheet(text) {
  const links = [...text.matchAll(/<link rel="stylesheet" href="(?:\.\/)?([^"]+\.css)"[^>]*>\s*/g)];
  const css = links.map(([, name]) => readFileSync(join(root, name), 'utf8')).join('\n');
  for (const [, name] of links) rmSync(join(root, name));
  const name = `app-${hash(css)}.css`;
  writeFileSync(join(root, name), css);
  return links.reduce((rest, [link], index) => rest.replace(link, index === 0 ? `<link rel="stylesheet" href="./${name}">\n  ` : ''), text);
}

function bootInItsOwnFile(text) {
  const inline = text.match(/<script type="module"(?: nonce="[^"]*")?>([\s\S]*?)<\/script>/);
  if (!inline) throw new Error('index.html has no boot script of Trunk; did Trunk change its form?');
  const name = `boot-${hash(inline[1])}.mjs`;
  writeFileSync(join(root, name), `// Starts the program; written by Trunk, moved here by finish.mjs.\n${inline[1].trim()}\n`);
  return text.replace(inline[0], `<script type="module" src="./${name}"></script>`);
}

/** Renames a folder after its content. */
function hashFolder(name) {
  const folder = join(root, name);
  if (!existsSync(folder)) throw new Error(`\`${name}\` is missing in the build; \`cargo xtask\` builds the engine first`);
  const files = walk(folder).sort();
  const all = createHash('sha256');
  for (const file of files) all.update(file.slice(folder.length)).update('\0').update(readFileSync(file));
  const hashed = `${name}-${all.digest('hex').slice(0, 8)}`;
  renameSync(folder, join(root, hashed));
  return hashed;
}

/** The policy forbids what is inline, so a build that has it is broken. */
function check(text) {
  const inline = text.match(/<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son[a-z]+=/i);
  if (inline) throw new Error(`index.html has something inline that its policy forbids: ${inline[0]}`);
}

function compress(folder) {
  for (const file of walk(folder)) {
    const bytes = readFileSync(file);
    if (!COMPRESSED.test(file) || bytes.length < SMALLEST_BYTES) continue;
    writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
    const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
    writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params }));
  }
}

function walk(folder) {
  return readdirSync(folder).map((name) => join(folder, name)).flatMap((path) => statSync(path).isDirectory() ? walk(path) : [path]);
}

function hash(text) {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
