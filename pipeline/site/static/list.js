// The list: search, filters and order. Its state is in the address, so that a list can be sent.
'use strict';

(() => {
  const form = document.getElementById('filters');
  const rows = document.getElementById('rows');
  const all = [...rows.children].map((row) => ({
    row,
    names: fold(`${row.querySelector('h2').textContent} ${row.dataset.task} ${row.dataset.tag} ${row.dataset.license}`),
    words: split(`${row.querySelector('.what').textContent} ${row.dataset.words}`),
    size: row.dataset.size ? Number(row.dataset.size) : Infinity,
    task: [row.dataset.task],
    tag: row.dataset.tag.split('\n'),
    license: [row.dataset.license],
    backend: row.dataset.backend.split('\n'),
  }));
  const fields = [...form.elements].filter((field) => field.name);
  const lists = ['task', 'tag', 'license', 'backend'];
  let order = '';

  // Letters without their marks, so that "modele" finds "modèle".
  function fold(text) {
    return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
  }

  function split(text) {
    return [...new Set(fold(text).split(/[^\p{L}\p{N}]+/u))];
  }

  // Names are searched everywhere, as "face" in "blazeface"; descriptions and the other words for a
  // task from the start of a word on, so that "pose" does not find "purpose".
  function has({names, words}, word) {
    return names.includes(word) || words.some((one) => one.startsWith(word));
  }

  function state() {
    return Object.fromEntries(fields.map((field) => [field.name, field.value.trim()]));
  }

  function fits(one, wanted, words) {
    return words.every((word) => has(one, word))
      && lists.every((key) => !wanted[key] || one[key].includes(wanted[key]))
      && (!wanted.size || one.size <= Number(wanted.size));
  }

  function sort(wanted) {
    if (wanted === order) return;
    order = wanted;
    const sorted = order === 'size' ? [...all].sort((a, b) => a.size - b.size || 0) : all;
    rows.append(...sorted.map((one) => one.row));
  }

  function show() {
    const wanted = state();
    const words = fold(wanted.q).split(/\s+/).filter(Boolean);
    let found = 0;
    for (const one of all) {
      const fit = fits(one, wanted, words);
      if (one.row.hidden === fit) one.row.hidden = !fit;
      if (fit) found += 1;
    }
    sort(wanted.order);
    const total = `${all.length} model${all.length === 1 ? '' : 's'}`;
    const text = found === all.length ? total : `${found} of ${total}`;
    document.getElementById('found').textContent = text;
    document.getElementById('announce').textContent = text;
    document.getElementById('nothing').hidden = found > 0;
    document.getElementById('clear').hidden = !fields.some((field) => field.value);
  }

  function read() {
    const wanted = new URLSearchParams(location.search);
    for (const field of fields) {
      field.value = wanted.get(field.name) ?? '';
      // A value that the list no longer has narrows nothing.
      if (field.selectedIndex === -1) field.value = '';
    }
    show();
  }

  function write() {
    const wanted = new URLSearchParams(Object.entries(state()).filter(([, value]) => value));
    const text = wanted.toString();
    history.replaceState(null, '', text ? `?${text}` : location.pathname);
  }

  // Not every way to choose from a list tells of an input.
  for (const kind of ['input', 'change']) {
    form.addEventListener(kind, () => {
      show();
      write();
    });
  }
  form.addEventListener('reset', (event) => {
    event.preventDefault();
    for (const field of fields) field.value = '';
    show();
    write();
    form.elements.q.focus();
  });
  form.addEventListener('submit', (event) => event.preventDefault());
  addEventListener('keydown', (event) => {
    const typing = event.target.closest('input, select, textarea');
    if (event.key !== '/' || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    form.elements.q.focus();
  });
  addEventListener('pageshow', read);
  read();
  document.documentElement.classList.remove('narrowed');
})();
