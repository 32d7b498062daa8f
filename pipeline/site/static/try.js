// The trial of a page: a picture, a sound or a text is given to the model here, and what it finds is
// drawn. zoo.js does the rest; nothing is sent anywhere.
//
// `?try` runs the first example at once; when a result is shown, `data-tried` of the document says
// done or fail.
'use strict';

(() => {
  const section = document.getElementById('try');
  if (!section?.dataset.method) return;
  const root = new URL(document.documentElement.dataset.root, location.href).href;
  const name = document.getElementById('main').dataset.model;
  const {method, media, seconds} = section.dataset;
  const MOST_PIXELS = {enhance: 160};
  const SHOWN_PIXELS = 640;
  const LISTED = 10;

  const find = (selector) => section.querySelector(selector);
  const [form, canvas, status, list, code] = ['form', 'canvas', '#try-status', '#try-results',
    '#try-code'].map(find);
  let given = null; // what was given last
  let before = null; // the embedding before
  let loaded = null; // {key, model}
  let library = null;
  let stop = null; // ends the camera or microphone

  const say = (text, className = '') => {
    status.className = `verdict ${className}`;
    status.textContent = text;
  };
  const percent = (share) => `${(100 * share).toFixed(0)} %`;
  const milliseconds = (ms) => `${ms < 10 ? ms.toFixed(1) : Math.round(ms).toLocaleString('en')} ms`;

  async function openZoo() {
    if (location.protocol === 'file:') {
      throw new Error('this page was opened from a file, and such pages cannot fetch; serve the folder, '
        + 'for example with tfjs-zoo serve');
    }
    library ??= await import(`${root}zoo.js`);
    return library.open(root, {model: name});
  }

  async function loadModel() {
    const [variant, backend] = [form.elements.variant.value, form.elements.backend.value];
    const key = `${variant} ${backend}`;
    if (loaded?.key === key) return loaded;
    say('Loading …');
    const zoo = await openZoo();
    const start = performance.now();
    loaded?.model.dispose();
    loaded = null;
    const model = await zoo.load(name, {variant, backend, onProgress: ({loaded: bytes, total}) =>
      say(`${(bytes / 2 ** 20).toFixed(1)} of ${(total / 2 ** 20).toFixed(1)} MiB …`)});
    loaded = {key, model, loadMs: performance.now() - start, runs: 0};
    return loaded;
  }

  // On a small screen the result would be below it.
  function bringIntoView() {
    const stage = find('.stage');
    if (stage.getBoundingClientRect().top > innerHeight * 0.7) stage.scrollIntoView({block: 'start'});
  }

  function readOptions() {
    const {range, threshold} = form.elements;
    return {
      ...range?.value && {range: JSON.parse(range.value)},
      ...threshold && {threshold: Number(threshold.value)},
    };
  }

  // Run the model on what was given last, and show what it finds.
  async function run() {
    if (!given) return;
    document.documentElement.removeAttribute('data-tried');
    section.setAttribute('aria-busy', 'true');
    let state = 'fail';
    try {
      if (form.elements.range?.value === '') throw new Error('choose first what the values become');
      const own = await loadModel();
      say('Running …');
      bringIntoView();
      await new Promise((resolve) => { setTimeout(resolve, 0); });
      const start = performance.now();
      const result = await own.model[method](given, readOptions());
      const ms = performance.now() - start;
      show(result);
      const when = own.runs++ ? '' : `, the first run; loaded in ${milliseconds(own.loadMs)}`;
      say(`${milliseconds(ms)} on ${own.model.backend}${when}.`, 'pass');
      state = 'done';
    } catch (error) {
      show(null);
      say(error.message, 'fail');
    } finally {
      section.removeAttribute('aria-busy');
      document.documentElement.dataset.tried = state;
    }
  }

  function show(result) {
    const drawn = ['detect', 'keypoints', 'segment', 'enhance', 'transcribe'].includes(method);
    if (media === 'image' && given) paint(given);
    canvas.hidden = !(media === 'image' && given) && !(result && drawn && result.length !== 0);
    if (result && drawn) {
      library.draw(canvas, result, {image: media === 'image' && method !== 'enhance' ? given : undefined});
    }
    const lines = result ? describe(result) : [];
    list.replaceChildren(...lines.slice(0, LISTED).map(makeLine));
    code.textContent = result ? JSON.stringify(result, shorten, 1) : '';
    find('#try-details').hidden = !result;
    canvas.setAttribute('aria-label', lines.length ? lines.map(([text]) => text).slice(0, LISTED).join(', ')
      : 'What was given');
  }

  function paint(image) {
    Object.assign(canvas, {width: image.videoWidth || image.width, height: image.videoHeight || image.height});
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
  }

  function makeLine([text, share]) {
    const line = document.createElement('li');
    const label = document.createElement('span');
    label.textContent = text;
    line.append(label);
    if (share !== undefined) {
      const meter = document.createElement('meter');
      meter.value = share;
      meter.setAttribute('aria-label', text);
      line.append(meter, ` ${percent(share)}`);
    }
    return line;
  }

  // Each result as [text, share].
  function describe(result) {
    const named = ({label, class: number}) => label ?? (number === null ? 'found' : `class ${number}`);
    const classes = (some) => some.map((one) => [named(one), one.score]);
    switch (method) {
      case 'attributes': return Object.entries(result).flatMap(([key, [best]]) =>
        [[`${key}: ${named(best)}`, best.score]]);
      case 'classify': return Array.isArray(result[0])
        ? result.map(([best], i) => [`${i + 1}: ${named(best)}`, best.score]) : classes(result);
      case 'detect': return result.length ? classes(result) : [[describeNothing()]];
      case 'embed': return describeEmbedding(result);
      case 'enhance': return [[`${given.width} × ${given.height} became ${result.width} × ${result.height}`]];
      case 'keypoints': return result.length ? result.map(({points, score}) =>
        [`${points.length} points`, score ?? undefined]) : [[describeNothing()]];
      case 'segment': return [[describeMask(result)]];
      case 'transcribe': return result.length ? result.map((note) =>
        [`${note.name} at ${note.start.toFixed(2)} s for ${(note.end - note.start).toFixed(2)} s`, note.score])
        : [['no notes']];
      default: return [];
    }
  }

  function describeNothing() {
    const {threshold} = form.elements;
    return threshold ? `nothing found with a score of ${percent(Number(threshold.value))} or more; a lower `
      + 'threshold shows what the model is less sure of' : 'nothing found';
  }

  function describeEmbedding(result) {
    const {similarity} = library;
    const lines = [[`${result.length} numbers`]];
    if (before) lines.push([`similarity to the one before: ${similarity(before, result).toFixed(3)}`]);
    else lines.push(['give another, and see how alike they are']);
    before = result;
    return lines;
  }

  function describeMask({mask, classes, labels}) {
    if (classes) {
      const found = [...new Set(classes)].filter(Boolean);
      return found.length ? found.map((one) => labels?.[one] ?? `class ${one}`).join(', ') : 'nothing found';
    }
    let sum = 0;
    for (let at = 3; at < mask.data.length; at += 4) sum += mask.data[at];
    return `${percent(sum / 255 / (mask.width * mask.height))} of the picture`;
  }

  // Long lists of numbers are cut, so that the form can be seen.
  const shorten = (key, value) => {
    if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${value.length})`;
    if (typeof value === 'number') return Number(value.toPrecision(4));
    if (Array.isArray(value) && key === 'edges') return `${value.length} pairs`;
    return Array.isArray(value) && value.length > 5 ? [...value.slice(0, 5), `… ${value.length - 5} more`] : value;
  };

  // --- what is given ---------------------------------------------------------------------------

  // A picture is brought to a size that a page can show.
  async function takePicture(source, box) {
    const bitmap = await createImageBitmap(source);
    const [left, top, right, bottom] = box?.length ? box : [0, 0, bitmap.width, bitmap.height];
    const most = MOST_PIXELS[method] ?? SHOWN_PIXELS;
    const share = Math.min(1, most / Math.max(right - left, bottom - top));
    const picture = document.createElement('canvas');
    picture.width = Math.max(1, Math.round((right - left) * share));
    picture.height = Math.max(1, Math.round((bottom - top) * share));
    picture.getContext('2d').drawImage(bitmap, left, top, right - left, bottom - top, 0, 0, picture.width, picture.height);
    bitmap.close();
    given = picture;
  }

  async function takeSound(bytes) {
    const context = new AudioContext();
    const sound = await context.decodeAudioData(bytes);
    await context.close();
    given = cutSound(sound);
  }

  // The first part of a sound that a model takes.
  function cutSound(sound) {
    const length = seconds ? Math.floor(Number(seconds) * sound.sampleRate) : sound.length;
    if (sound.length <= length) return sound;
    const part = new AudioBuffer({length, numberOfChannels: sound.numberOfChannels, sampleRate: sound.sampleRate});
    for (let one = 0; one < sound.numberOfChannels; one++) {
      part.copyToChannel(sound.getChannelData(one).subarray(0, length), one);
    }
    return part;
  }

  async function take(action) {
    stop?.();
    say('Reading …');
    try {
      await action();
    } catch (error) {
      say(`It cannot be read: ${error.message}`, 'fail');
      document.documentElement.dataset.tried = 'fail';
      return;
    }
    await run();
  }

  const takeFile = (file) => file && take(async () => (media === 'image' ? takePicture(file)
    : takeSound(await file.arrayBuffer())));

  const takeExample = ({dataset}) => take(async () => {
    const response = await fetch(dataset.src);
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    if (media === 'sound') return takeSound(await response.arrayBuffer());
    return takePicture(await response.blob(), dataset.box.split(' ').filter(Boolean).map(Number));
  });

  // Ask for the camera or the microphone, once at a time.
  async function ask(button, wanted) {
    say(`Waiting for the ${button.dataset.start.toLowerCase()} …`);
    button.disabled = true;
    try {
      return await navigator.mediaDevices.getUserMedia(wanted);
    } finally {
      button.disabled = false;
    }
  }

  async function watchCamera(button) {
    if (stop) return stop();
    const stream = await ask(button, {video: {facingMode: 'user'}});
    const video = Object.assign(document.createElement('video'), {srcObject: stream, muted: true, playsInline: true});
    const ending = new AbortController();
    stop = () => {
      ending.abort();
      stream.getTracks().forEach((track) => track.stop());
      button.textContent = button.dataset.start;
      stop = null;
    };
    button.textContent = 'Stop';
    try {
      await video.play();
      const {model} = await loadModel();
      given = video;
      let last = performance.now();
      for await (const result of model.stream(video, {method, signal: ending.signal, ...readOptions()})) {
        show(result);
        const now = performance.now();
        say(`${milliseconds(now - last)} for a frame on ${model.backend}.`, 'pass');
        last = now;
      }
    } finally {
      stop?.();
      given = null;
    }
    return undefined;
  }

  async function hearMicrophone(button) {
    if (stop) return stop();
    const stream = await ask(button, {audio: true});
    const recorder = new MediaRecorder(stream);
    const parts = [];
    recorder.ondataavailable = ({data}) => parts.push(data);
    const ended = new Promise((resolve) => { recorder.onstop = resolve; });
    const timer = setTimeout(() => stop?.(), 1000 * Math.max(Number(seconds) || 5, 1) + 200);
    stop = () => {
      clearTimeout(timer);
      stop = null;
      recorder.stop();
      stream.getTracks().forEach((track) => track.stop());
      button.textContent = button.dataset.start;
    };
    button.textContent = 'Stop';
    say('Recording …');
    recorder.start();
    await ended;
    return take(async () => takeSound(await new Blob(parts).arrayBuffer()));
  }

  // --- the controls ----------------------------------------------------------------------------

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (media === 'text') given = [form.elements.text.value];
    run();
  });
  form.addEventListener('change', ({target}) => {
    if (target.type === 'file') takeFile(target.files[0]);
    else if (target.name !== 'text') run();
  });
  form.addEventListener('click', ({target}) => {
    if (target.matches('[data-src]')) takeExample(target);
    const live = target.matches('#try-live') && (media === 'image' ? watchCamera : hearMicrophone);
    if (live) live(target).catch((error) => say(error.message, 'fail'));
  });
  const live = find('#try-live');
  if (live && !navigator.mediaDevices?.getUserMedia) live.hidden = true;
  for (const kind of ['dragover', 'drop']) {
    section.addEventListener(kind, (event) => {
      if (media === 'text') return;
      event.preventDefault();
      if (kind === 'drop') takeFile(event.dataTransfer.files[0]);
    });
  }
  document.addEventListener('paste', ({clipboardData}) => {
    const file = [...clipboardData.files].find(({type}) => type.startsWith(`${media === 'sound' ? 'audio' : media}/`));
    if (media !== 'text' && file) takeFile(file);
  });
  if (new URLSearchParams(location.search).has('try')) {
    const example = find('[data-src]');
    if (example) takeExample(example);
    else form.requestSubmit();
  }
})();
