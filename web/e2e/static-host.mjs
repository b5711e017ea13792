// A plain static file server, as any host is one, with switches for what hosts do wrong.

import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const TYPES = {
  '.html': 'text/html; charset=utf-8', '.mjs': 'text/javascript', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml', '.json': 'application/json', '.txt': 'text/plain; charset=utf-8',
};

/**
 * Serves folders under paths.
 * @param mounts `{ '/catalog/': folder }`
 * @param faults `noRange`: 200 and everything; `noCors`; `missing(path)`: 404; `mend(path, bytes)`: other bytes; `drop(path)`: half an
 *   answer, then nothing; `delayMs`; `status(path)`: that status. Functions get the path below the host; all may be changed while it runs.
 */
export async function staticHost(mounts, faults = {}) {
  const requests = [];
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://host').pathname);
    requests.push({ path, range: request.headers.range, method: request.method });
    if (!faults.noCors) {
      response.setHeader('Access-Control-Allow-Origin', '*');
      response.setHeader('Access-Control-Allow-Headers', 'Range, If-Match, If-Range');
      response.setHeader('Access-Control-Expose-Headers', 'Content-Range, ETag, Content-Length');
    }
    if (faults.delayMs) await new Promise((done) => setTimeout(done, faults.delayMs));
    if (request.method === 'OPTIONS') return response.writeHead(204).end();
    const status = faults.status?.(path);
    if (status) return response.writeHead(status).end();
    const file = find(mounts, path);
    if (!file || faults.missing?.(path)) return response.writeHead(404, { 'Content-Type': 'text/plain' }).end('not found');
    response.setHeader('Content-Type', TYPES[extname(file)] ?? 'application/octet-stream');
    send(request, response, file, path, faults);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${server.address().port}/`, requests, faults, close: () => new Promise((done) => { server.closeAllConnections(); server.close(done); }) };
}

function send(request, response, file, path, faults) {
  const bytes = faults.mend?.(path, readFileSync(file)) ?? readFileSync(file);
  const asked = faults.noRange ? null : request.headers.range?.match(/^bytes=(\d*)-(\d*)$/);
  let [start, end] = [0, bytes.length];
  if (asked) {
    if (asked[1] === '') start = Math.max(0, bytes.length - Number(asked[2]));
    else [start, end] = [Number(asked[1]), asked[2] === '' ? bytes.length : Math.min(Number(asked[2]) + 1, bytes.length)];
    if (start >= bytes.length || start >= end) return response.writeHead(416, { 'Content-Range': `bytes */${bytes.length}` }).end();
    response.setHeader('Content-Range', `bytes ${start}-${end - 1}/${bytes.length}`);
  }
  if (!faults.noRange) response.setHeader('Accept-Ranges', 'bytes');
  response.setHeader('Content-Length', end - start);
  response.writeHead(asked ? 206 : 200);
  if (request.method === 'HEAD') return response.end();
  if (faults.drop?.(path)) {
    response.write(bytes.subarray(start, start + Math.floor((end - start) / 2)));
    return setTimeout(() => response.destroy(), 20);
  }
  if (bytes.length > 1 << 20 && !faults.mend && !asked) return createReadStream(file).pipe(response);
  return response.end(bytes.subarray(start, end));
}

function find(mounts, path) {
  const mount = Object.keys(mounts).filter((prefix) => path.startsWith(prefix)).sort((a, b) => b.length - a.length)[0];
  if (mount === undefined) return undefined;
  const below = normalize(`/${path.slice(mount.length)}`);
  const file = join(mounts[mount], below);
  const index = join(file, 'index.html');
  if (existsSync(file) && statSync(file).isFile()) return file;
  return existsSync(index) ? index : undefined;
}
