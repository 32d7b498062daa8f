// What every page does: snippets with this zoo's address and the chosen variant, and copying. It
// stands right behind the snippets, so that they are painted as they will be.
'use strict';

(() => {
  const root = new URL(document.documentElement.dataset.root || '.', location.href).href;
  const pick = document.getElementById('pick');

  // What the build could not know, or the reader chooses, is put into the snippets.
  function fill() {
    const option = pick?.selectedOptions?.[0] ?? pick;
    const texts = {
      loader: `${root}zoo.js`,
      path: root + option?.dataset.path,
      url: root,
      variant: option?.value,
    };
    for (const piece of document.querySelectorAll('[data-fill]')) {
      piece.textContent = JSON.stringify(texts[piece.dataset.fill]);
    }
  }

  async function copy(button) {
    const code = button.closest('figure').querySelector('pre code');
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = 'Copied';
    } catch {
      // Without permission the text is selected, ready to be copied by hand.
      getSelection().selectAllChildren(code);
      button.textContent = 'Selected';
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 2000);
  }

  // A file's address would lead nobody else anywhere.
  if (location.protocol !== 'file:') fill();
  document.documentElement.classList.remove('filling');
  pick?.addEventListener('change', fill);
  document.addEventListener('click', ({target}) => {
    const button = target.closest('[data-copy]');
    if (button) copy(button);
  });
})();
