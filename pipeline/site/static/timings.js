// Times of the build: they vary from one to the next, so they are not in the page but in
// timings.json beside the catalog.
'use strict';

(() => {
  const main = document.getElementById('main');
  const root = new URL(document.documentElement.dataset.root, location.href).href;

  const milliseconds = (ms) => (ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms).toLocaleString('en')} ms`);
  const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(bytes < 2 ** 20 ? 2 : 1)} MiB`;

  function describe(figures) {
    const parts = [`load ${milliseconds(figures.loadMs)}`, `first run ${milliseconds(figures.firstMs)}`];
    if (figures.steadyMs !== null) parts.push(`later ${milliseconds(figures.steadyMs)}`);
    parts.push(`tensors up to ${mebibytes(figures.peakBytes)}`);
    return `On the machine that built this zoo: ${parts.join(', ')}.`;
  }

  async function showTimings() {
    const response = await fetch(`${root}timings.json`, {cache: 'no-cache'});
    if (!response.ok) return;
    const measured = (await response.json())[`verify:${main.dataset.model}`]?.['tensorflow.js'] ?? {};
    for (const place of document.querySelectorAll('[data-figure]')) {
      const figures = measured[place.dataset.backend]?.[place.dataset.timing];
      if (!figures) continue;
      const value = figures[place.dataset.figure];
      place.textContent = place.dataset.figure === 'all' ? describe(figures)
        : (value ?? null) === null ? '' : milliseconds(value);
    }
  }

  // A page opened from a file cannot fetch; it is complete without.
  if (location.protocol !== 'file:') {
    showTimings().catch((error) => console.warn(`times of the build are not shown: ${error.message}`));
  }
})();
