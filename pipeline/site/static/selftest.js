// The self-test of a page: TensorFlow.js is loaded when it is asked for, and zoo.js does the rest.
//
// `?selftest` runs it at once, `?selftest=uint8` for a variant; when it is done, `data-selftest` of
// the document says pass or fail.
'use strict';

(() => {
  const main = document.getElementById('main');
  const section = document.getElementById('selftest');
  const root = new URL(document.documentElement.dataset.root, location.href).href;
  const BACKENDS = ['cpu', 'wasm', 'webgl', 'webgpu'];

  const save = document.getElementById('save');
  const reports = new Map(); // the last report of each variant
  let ready = null;

  // The browser says little of its device; the publisher may write more into the file.
  function describeDevice() {
    const {userAgentData: data, userAgent, hardwareConcurrency: cores} = navigator;
    const brand = data?.brands.filter(({brand: name}) => !/not.?a.?brand/i.test(name)).at(-1);
    return brand ? `${data.platform || 'unknown system'}, ${brand.brand} ${brand.version}, ${cores} cores` : userAgent;
  }

  function saveTimes() {
    const content = {
      device: describeDevice(),
      date: new Date().toISOString().slice(0, 10),
      tfjs: globalThis.tf.version?.tfjs ?? globalThis.tf.version_core,
      reports: [...reports.values()].map((report) => ({...report,
        results: report.results.map(({outputs, ...result}) => result)})),
    };
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([`${JSON.stringify(content, null, 2)}\n`], {type: 'application/json'}));
    link.download = `times-${main.dataset.model}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  function loadScript(url) {
    return new Promise((resolve, reject) => {
      const script = document.createElement('script');
      script.src = url;
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${url} is not there`));
      document.head.append(script);
    });
  }

  async function loadTensorFlow() {
    const place = new URL(section.dataset.tfjs, location.href).href;
    // Where this name is free, tf.min.js takes it by evaluating a text, which the page's policy
    // forbids: https://github.com/facebook/regenerator/issues/450
    globalThis.regeneratorRuntime ??= undefined;
    await loadScript(`${place}tf.min.js`);
    await loadScript(`${place}tf-backend-wasm.min.js`);
    globalThis.tf.wasm.setWasmPaths(place);
    // Browsers without WebGPU have nothing to register.
    if (navigator.gpu) await loadScript(`${place}tf-backend-webgpu.min.js`);
    return globalThis.tf;
  }

  const milliseconds = (ms) => (ms === null ? '' : ms < 10 ? `${ms.toFixed(1)} ms`
    : `${Math.round(ms).toLocaleString('en')} ms`);
  const mebibytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

  function percent(share) {
    if (share === 0) return 'exact';
    const value = 100 * share;
    return value < 1e-4 ? '<0.0001 %' : `${Number(value.toPrecision(2)).toLocaleString('en', {maximumFractionDigits: 6})} %`;
  }

  // The largest error of all outputs that are judged by value; sets say how much of them agrees.
  function describeError({outputs}) {
    const off = outputs.map(({gate, maxRelError, metrics}) =>
      (gate === 'values' ? maxRelError : 1 - (metrics?.agreement ?? 1))).filter((share) => share !== null);
    return off.length ? percent(Math.max(...off)) : '';
  }

  const WORDS = {pass: 'pass', fail: 'fail', unsupported: 'not supported', unavailable: 'not here'};

  function cells(backend) {
    const body = document.querySelector(`#results tbody[data-backend="${backend}"]`);
    return {
      body,
      set(name, text) { body.querySelector(`.${name}`).textContent = text; },
      state(word, className = '') {
        const mark = document.createElement('span');
        mark.className = `status ${className}`;
        mark.textContent = word;
        body.querySelector('.result').replaceChildren(...(word ? [mark] : []));
      },
      why(text) {
        body.querySelector('.why').hidden = !text;
        body.querySelector('.reason').textContent = text ?? '';
      },
    };
  }

  function clear() {
    for (const backend of BACKENDS) {
      const row = cells(backend);
      for (const name of ['error', 'load', 'first', 'run']) row.set(name, '');
      row.state('');
      row.why(null);
    }
  }

  function show(result) {
    const row = cells(result.backend);
    if (!row.body) return;
    const expected = result.status === 'fail' && result.expected;
    row.state(expected ? 'fails, as listed' : WORDS[result.status], expected ? '' : result.status);
    row.set('error', describeError(result));
    row.set('load', milliseconds(result.loadMs));
    row.set('first', milliseconds(result.firstMs));
    row.set('run', milliseconds(result.runMs));
    row.why(result.reason);
  }

  function conclude(status, text) {
    const verdict = document.getElementById('verdict');
    verdict.className = `verdict needs-script ${status}`;
    verdict.textContent = text;
  }

  async function test(form) {
    const variant = form.elements.variant.value;
    const button = form.querySelector('button');
    document.documentElement.removeAttribute('data-selftest');
    button.disabled = true;
    clear();
    conclude('', 'Loading TensorFlow.js …');
    let status = 'fail';
    try {
      if (location.protocol === 'file:') {
        throw new Error('this page was opened from a file, and such pages cannot fetch; serve the folder, '
          + 'for example with tfjs-zoo serve');
      }
      ready ??= loadTensorFlow();
      const tf = await ready;
      const {open} = await import(`${root}zoo.js`);
      const zoo = await open(root, {tf, model: main.dataset.model});
      const backends = BACKENDS.filter((name) => tf.findBackendFactory(name));
      for (const name of BACKENDS) {
        const there = backends.includes(name);
        cells(name).state(there ? 'waits' : WORDS.unavailable);
        if (!there) cells(name).why(`this browser has no ${name === 'webgpu' ? 'WebGPU' : name}`);
      }
      const report = await zoo.selftest(main.dataset.model, {
        variant,
        backends,
        onResult: show,
        onProgress: ({loaded, total}) => conclude('', `${mebibytes(loaded)} of ${mebibytes(total)} …`),
      });
      status = report.status;
      reports.set(variant, report);
      save.hidden = ![...reports.values()].some(({results}) => results.some((one) => one.status === 'pass'));
      const passed = report.results.filter((result) => result.status === 'pass').map(({backend}) => backend);
      conclude(status, status === 'pass'
        ? `Pass: ${variant} gives here what its source gives, on ${passed.join(', ')}.`
        : `Fail: ${report.reason}`);
    } catch (error) {
      ready = globalThis.tf?.wasm ? ready : null;
      conclude('fail', `Fail: ${error.message}`);
    } finally {
      button.disabled = false;
      document.documentElement.dataset.selftest = status;
    }
  }

  if (section) {
    save.querySelector('button').addEventListener('click', saveTimes);
    const form = document.getElementById('selftest-form');
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      test(form);
    });
    const asked = new URLSearchParams(location.search).get('selftest');
    if (asked !== null) {
      const variants = [...form.elements.variant.options].map(({value}) => value);
      if (variants.includes(asked)) form.elements.variant.value = asked;
      test(form);
    }
  }
})();
