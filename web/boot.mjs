// Runs first: the theme, the loading bar, and a readable page if the program does not start.

const SLOW_MS = 10_000;

try {
  const theme = localStorage.getItem('barkeep.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch { /* Storage may be forbidden; the system's theme holds then. */ }

addEventListener('error', (event) => {
  if (event.error instanceof WebAssembly.RuntimeError) stopped('The page stopped', event.message);
});

/** What Trunk calls while it fetches and starts the program. */
export default function initializer() {
  const words = document.getElementById('boot-words');
  const bar = document.getElementById('boot-bar');
  const slow = setTimeout(() => { words.textContent += ' Slow connection?'; }, SLOW_MS);
  return {
    onStart: () => { if (/^#\/(chart|backtest)/.test(location.hash)) loadChart(); },
    onProgress: ({ current, total }) => {
      // A compressed body counts more bytes than its header promised.
      if (total > 0) bar.value = Math.min(100, current / total * 100);
      words.textContent = `loading the page… ${(current / 1024).toFixed(0)} KB`;
    },
    onComplete: () => clearTimeout(slow),
    onSuccess: () => requestAnimationFrame(() => setTimeout(loadChart)),
    onFailure: (error) => {
      clearTimeout(slow);
      stopped('The page could not be started', String(error?.message ?? error));
    },
  };
}

/** Defines <bar-chart>: at once for a view that draws, after the first paint otherwise, which does not need it. */
function loadChart() {
  const path = document.querySelector('meta[name="barkeep-chart"]').content;
  import(new URL(path, document.baseURI)).catch((error) => stopped('The chart could not be loaded', String(error?.message ?? error)));
}

/** Shows the shape of every error: what, why, what to do. */
function stopped(what, why) {
  if (document.getElementById('stopped')) return;
  const panel = document.createElement('section');
  panel.id = 'stopped';
  panel.className = 'problem';
  panel.setAttribute('role', 'alert');
  const add = (tag, text, parent = panel) => {
    const element = document.createElement(tag);
    element.textContent = text;
    parent.append(element);
    return element;
  };
  add('h2', `✖ ${what}`);
  add('p', `Why we think so: ${why}`);
  const steps = add('ol', '');
  add('li', 'Reload the page; its address holds all settings.', steps);
  add('li', 'Use a browser of the last three years, with WebAssembly allowed.', steps);
  add('li', 'If you run the host: it must serve .wasm files, and a Content-Security-Policy header must allow \'wasm-unsafe-eval\'.', steps);
  add('button', 'Reload').addEventListener('click', () => location.reload());
  document.body.prepend(panel);
}
