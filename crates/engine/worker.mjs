// Entry of the engine's module worker. Messages that arrive before the wasm is ready are kept by the browser only if a handler
// is there, so this one collects them; the engine replaces it when it starts.
const early = [];
self.onmessage = (event) => early.push(event);

// A panic in an async task would otherwise be unseen by the page, which waits for the worker's error event.
addEventListener('unhandledrejection', (event) => setTimeout(() => { throw event.reason; }));

import('./engine.js')
  .then((engine) => engine.default())
  .then(() => {
    for (const event of early.splice(0)) self.onmessage(event);
  })
  .catch((error) => {
    const why = String((error && error.message) || error);
    const next = ['reload the page', 'use a current browser; WebAssembly must not be blocked by policy'];
    self.postMessage({ type: 'failed', id: 0, network: { requests: 0, bytes: 0 }, problem: { kind: 'unsupported', what: 'the engine could not start', why, next } });
  });
