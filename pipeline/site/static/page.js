// What every page does: snippets with this zoo's address and the chosen variant, and copying. It
// stands right behind the snippets, so that they are painted as they will be.
'use strict';

(() => {
  const root = new URL(document.documentElement.dataset.root || '.', location.href).href;
  const pick = document.getElementById('pick');

  // The example that the page itself offers; a page without one leaves the reader's own to be named.
  function exampleUrl() {
    const path = document.querySelector('#try [data-src]')?.dataset.src;
    return path ? new URL(path, location.href).href : 'photo.jpg';
  }

  // What the build could not know, or the reader chooses, is put into the snippets.
  function fill() {
    const option = pick?.selectedOptions?.[0] ?? pick;
    const texts = {
      loader: `${root}zoo.js`,
      path: root + option?.dataset.path,
      url: root,
      variant: option?.value,
      example: exampleUrl(),
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

  // The snippets become tabs; without the script they stand below one another.
  function makeTabs(place) {
    const panels = [...place.querySelectorAll('[data-tab]')];
    const bar = document.createElement('div');
    bar.setAttribute('role', 'tablist');
    bar.setAttribute('aria-label', 'Ways to use it');
    const tabs = panels.map((panel, i) => {
      const tab = document.createElement('button');
      Object.assign(tab, {type: 'button', textContent: panel.dataset.tab, id: `tab-${i}`});
      panel.id = `code-${i}`;
      for (const [name, value] of [['role', 'tab'], ['aria-controls', panel.id]]) tab.setAttribute(name, value);
      panel.setAttribute('role', 'tabpanel');
      panel.setAttribute('aria-labelledby', tab.id);
      return tab;
    });
    const select = (chosen) => tabs.forEach((tab, i) => {
      tab.setAttribute('aria-selected', i === chosen);
      tab.tabIndex = i === chosen ? 0 : -1;
      panels[i].hidden = i !== chosen;
    });
    bar.append(...tabs);
    place.prepend(bar);
    place.classList.add('tabbed');
    bar.addEventListener('click', ({target}) => {
      if (tabs.includes(target)) select(tabs.indexOf(target));
    });
    bar.addEventListener('keydown', ({key}) => {
      const step = {ArrowRight: 1, ArrowLeft: -1}[key];
      if (!step) return;
      const next = (tabs.findIndex(({tabIndex}) => tabIndex === 0) + step + tabs.length) % tabs.length;
      select(next);
      tabs[next].focus();
    });
    select(0);
  }

  const tabs = document.getElementById('tabs');
  if (tabs) makeTabs(tabs);

  // A file's address would lead nobody else anywhere.
  if (location.protocol !== 'file:') fill();
  document.documentElement.classList.remove('filling');
  pick?.addEventListener('change', fill);
  document.addEventListener('click', ({target}) => {
    const button = target.closest('[data-copy]');
    if (button) copy(button);
  });
})();
