// A variant as a zip, made in the browser of the files that are published anyway: model.json, its
// shards, the labels, and the model's entry in the catalog. Each file is compared with its digest.
// The form is APPNOTE.TXT 6.3.10, without compression: weights hardly shrink.
'use strict';

(() => {
  const root = new URL(document.documentElement.dataset.root, location.href).href;
  const main = document.getElementById('main');
  const DATE = (1 << 5) | 1; // 1980-01-01, so that the same variant makes the same zip
  const UTF8 = 0x800;

  const TABLE = Uint32Array.from({length: 256}, (_, n) => {
    let value = n;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
    return value;
  });

  function crc32(bytes) {
    let sum = 0xffffffff;
    for (let i = 0; i < bytes.length; i++) sum = TABLE[(sum ^ bytes[i]) & 255] ^ (sum >>> 8);
    return (sum ^ 0xffffffff) >>> 0;
  }

  // Little-endian numbers, each as [value, bytes].
  function pack(...numbers) {
    const view = new DataView(new ArrayBuffer(numbers.reduce((sum, [, size]) => sum + size, 0)));
    let at = 0;
    for (const [value, size] of numbers) {
      if (size === 2) view.setUint16(at, value, true);
      else view.setUint32(at, value, true);
      at += size;
    }
    return new Uint8Array(view.buffer);
  }

  function makeZip(files) {
    const parts = [];
    const directory = [];
    let at = 0;
    for (const {name, bytes} of files) {
      const path = new TextEncoder().encode(name);
      const about = [[20, 2], [UTF8, 2], [0, 2], [0, 2], [DATE, 2], [crc32(bytes), 4], [bytes.length, 4],
        [bytes.length, 4], [path.length, 2], [0, 2]];
      const head = pack([0x04034b50, 4], ...about);
      directory.push(pack([0x02014b50, 4], [20, 2], ...about, [0, 2], [0, 2], [0, 2], [0, 4], [at, 4]), path);
      parts.push(head, path, bytes);
      at += head.length + path.length + bytes.length;
    }
    const size = directory.reduce((sum, part) => sum + part.length, 0);
    const end = pack([0x06054b50, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [size, 4], [at, 4], [0, 2]);
    return new Blob([...parts, ...directory, end], {type: 'application/zip'});
  }

  async function read({path, bytes: size, sha256}) {
    const response = await fetch(root + path);
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (bytes.length !== size) throw new Error(`${path} has ${bytes.length} bytes; expected ${size}`);
    if (globalThis.crypto?.subtle) { // pages over plain http have none
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
      const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
      if (found !== sha256) throw new Error(`${path} has another SHA-256 than the catalog states`);
    }
    return bytes;
  }

  // Shards that several models share lie elsewhere in the zoo, and beside model.json in a zip.
  function bringShards(bytes) {
    const text = new TextDecoder().decode(bytes);
    if (!text.includes('"../')) return bytes;
    const content = JSON.parse(text);
    for (const group of content.weightsManifest) group.paths = group.paths.map((path) => path.split('/').pop());
    return new TextEncoder().encode(JSON.stringify(content));
  }

  async function collect(name) {
    const {model} = main.dataset;
    const catalog = await (await fetch(`${root}models/${encodeURIComponent(model)}/catalog.json`)).json();
    const [entry] = catalog.models;
    const variant = entry.variants.find((one) => one.name === name);
    const others = [...entry.labelFiles ?? [], ...entry.cardFiles ?? []];
    const listed = [...variant.files, ...others];
    const folder = `${model}-${name}`;
    const files = await Promise.all(listed.map(async (file) => ({
      name: `${folder}/${file.path.split('/').slice(variant.files.includes(file) ? 3 : 2).join('/')}`,
      bytes: file.path === variant.modelPath ? bringShards(await read(file)) : await read(file),
    })));
    const about = new TextEncoder().encode(`${JSON.stringify(entry, null, 2)}\n`);
    return {name: `${folder}.zip`, blob: makeZip([...files, {name: `${folder}/about.json`, bytes: about}])};
  }

  async function download(button) {
    const words = button.textContent;
    button.disabled = true;
    button.textContent = 'Collecting …';
    try {
      if (location.protocol === 'file:') throw new Error('a page opened from a file cannot fetch; serve the folder');
      const {name, blob} = await collect(document.getElementById('pick').value);
      const link = document.createElement('a');
      link.href = URL.createObjectURL(blob);
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
      button.textContent = words;
    } catch (error) {
      button.textContent = `Failed: ${error.message}`;
    } finally {
      button.disabled = false;
    }
  }

  for (const button of document.querySelectorAll('button.zip')) {
    button.addEventListener('click', () => download(button));
  }
})();
