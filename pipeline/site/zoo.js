// Loader of a TensorFlow.js model zoo: models by name, files checked, results by role.
//
//   import {open} from './zoo.js';
//   const zoo = await open('https://example.org/zoo/');        // the folder, or its models.json
//   const model = await zoo.load('handtrack', {variant: 'uint8', backend: 'auto'});
//   const hands = await model.detect(image);                   // [{label, score, box}] in its pixels
//   draw(canvas, hands, {image});
//   const {boxes, scores, classes} = await model.run(image);   // tensors: yours to dispose
//   model.dispose();
//
// open(url, {tf, fetch, cache, model, signal}) -> Zoo
//   tf      TensorFlow.js; else globalThis.tf, else what import('@tensorflow/tfjs') gives, else the
//           release that lies in the zoo
//   fetch   in place of the platform's; called with (href, {signal, cache})
//   cache   true (the default): the platform's Cache API, where there is one; false: none; or an
//           object with match(key), put(key, response) and delete(key), such as a Cache
//   model   name of the only model that is used: the catalog of all others is not read
// zoo.models, zoo.entry(name), zoo.url, zoo.catalog, zoo.offline
// zoo.load(name, {variant, backend, onProgress, signal, cache, force}) -> Model
//   variant  its name, or 'smallest'
//   backend  the one that the model keeps to, or 'auto': the quickest of those that are proved, by a
//           short trial; default: the current backend
//   onProgress({loaded, total, file, cached}), in bytes
//   force   load it also where the catalog says that this backend gets it wrong
// model.run(input, {as: 'tensors' | 'arrays', range, sampleRate}) -> results by role, or by source
//         name
//   input   a tensor, a typed or nested array, an image (ImageData, <img>, <canvas>, <video>,
//           ImageBitmap, {data, width, height}), an AudioBuffer, or {inputName: any of these}; the
//           catalog's entry of an input says how images and sounds are made into it. Constants need
//           not be given, nor state, which goes on from run to run and is not among the results
//         A model with a tokenizer takes a text or a list of texts; `pair` is the other text of a pair
//   range, sampleRate   in place of what the entry says: [low, high] that pixels of 0 to 255, or
//           samples of -1 to 1, become; samples in a second
//   arrays  nested, as tensor.array() gives them
// model.detect(image, {threshold, iou, max}) -> [{label, score, class, box: {x, y, width, height}}]
// model.classify(input, {top, threshold}), .attributes(input), .keypoints(image, {threshold}),
//         .segment(image), .enhance(image, {outputRange}), .embed(input), .transcribe(sound)
//         results by the roles of the outputs, as zoo.d.ts describes them; `range` as for run().
//         model.method names the one that fits
// model.stream(source, {method, signal}) -> results of a <video>, or of what can be iterated
// model.tokenize(text, {pair, special, length}) -> {ids, types, mask, tokens}, as the model takes a text
// model.warmUp() -> milliseconds of a run on blank inputs
// draw(canvas, result, {image, minScore}), similarity(embedding, other)
// model.reset() -> the next run starts with the first state
// model.frame(image, inputName) -> {left, top, width, height}: the part of an image that an input
//         shows, in pixels of the image. A box at (x, y) of it, as fractions, is in the image at
//         (left + x * width, top + y * height)
// model.name, .variant, .entry, .inputs, .outputs, .tfModel, .labels, .points, .method, .backend
// model.execute(inputs) -> tensors in the order of `outputs`, from tensors by name
// model.dispose()
// zoo.selftest(name, {variant, backends, onResult, onProgress, signal, cache}) -> Report
//   backends  default: those that `tf` has; onResult is called with each Result as it comes
//   Report  {model, variant, status: 'pass' | 'fail', reason, results: [Result]}, as zoo.d.ts
//           describes it; it passes when a backend does and none fails, but for those that fail as
//           the catalog says
// addTextOps(tf) -> registers ops on texts that TensorFlow.js lacks; load() does it where a model
//         needs them, a page that loads such a model by TensorFlow.js alone calls it before
// What goes wrong is a ZooError with a `code`: catalog, network, missing, size, digest, model,
// variant, backend, tfjs, input, result, run. Aborting throws the signal's reason, as fetch() does.
import {ZooError, refuseUnknown} from './zoo/errors.js';
import {draw} from './zoo/draw.js';
import {chooseFetch, openCache, readFiles, requestCatalog} from './zoo/files.js';
import {loadModel} from './zoo/model.js';
import {similarity} from './zoo/similarity.js';
import {
  BACKENDS, findRequirements, findTensorFlow, isEmulated, offerBackend, refuseRelease, useBackend,
} from './zoo/tensorflow.js';
import {addTextOps} from './zoo/texts.js';

export {ZooError, addTextOps, draw, similarity};

const CATALOG_FILE = 'models.json';
const SCHEMA = 1;
// The quickest first, as a rule; cpu is tried only where no other runs.
const AUTO = ['webgpu', 'webgl', 'wasm', 'cpu'];

// Open the zoo at a URL: its folder or its models.json, also relative to the page. With `model` only
// what is known of that model is read.
export async function open(url, {tf, fetch: given, cache = true, model, signal} = {}) {
  const catalogUrl = locate(url);
  const fetcher = chooseFetch(given);
  const kept = {signal, cache: await openCache(cache)};
  const {response, offline} = await requestCatalog(fetcher, locateModel(catalogUrl, model), kept)
    .catch((error) => {
      if (model === undefined || error.code !== 'missing') throw error;
      return requestCatalog(fetcher, catalogUrl.href, kept);
    });
  let catalog;
  try {
    catalog = await response.json();
  } catch (error) {
    signal?.throwIfAborted();
    throw new ZooError('catalog', `${catalogUrl.href} is not JSON: ${error.message}`,
      {cause: error});
  }
  if (catalog?.schema !== SCHEMA || !Array.isArray(catalog.models)) {
    throw new ZooError('catalog', `${catalogUrl.href} is no catalog of schema ${SCHEMA}`
      + (catalog?.schema > SCHEMA ? '; take the zoo.js that lies beside it' : ''));
  }
  return new Zoo(catalog, {url: new URL('.', catalogUrl).href, tf, fetcher, cache, offline});
}

function locate(url) {
  const place = globalThis.document?.baseURI ?? globalThis.location?.href
    ?? (globalThis.process ? `file://${globalThis.process.cwd()}/` : undefined);
  let found;
  try {
    found = new URL(url, place);
  } catch (error) {
    throw new ZooError('catalog', `'${url}' is no URL of a zoo`, {cause: error});
  }
  if (found.pathname.endsWith('.json')) return found;
  if (!found.pathname.endsWith('/')) found.pathname += '/';
  return new URL(CATALOG_FILE, found);
}

// The catalog of one model alone, which a zoo with pages has.
const locateModel = (catalogUrl, model) => (model === undefined ? catalogUrl.href
  : new URL(`models/${encodeURIComponent(model)}/catalog.json`, catalogUrl).href);

class Zoo {
  #tf;
  #fetcher;
  #cache;
  #warned = new Set();

  constructor(catalog, {url, tf, fetcher, cache, offline}) {
    this.#tf = tf;
    this.#fetcher = fetcher;
    this.#cache = cache;
    this.catalog = catalog;
    this.models = catalog.models;
    this.url = url;
    this.offline = offline;
  }

  // The catalog's entry of a model.
  entry(name) {
    const found = this.models.find((model) => model.name === name);
    return found ?? refuseUnknown('model', 'model', name, this.models.map((model) => model.name));
  }

  // Load a variant, by default the first that is published; `smallest` is the least that is.
  async load(name, {variant: wanted, backend, onProgress, signal, cache, force = false} = {}) {
    const entry = this.entry(name);
    const variant = chooseVariant(entry, wanted);
    const tf = await this.#start();
    const backends = await this.#listBackends(tf, variant, entry.variants[0], backend);
    if (!force && backend !== 'auto') this.#refuseBackend(tf, entry, variant, backends[0]);
    const {labelFiles = [], tokenizer} = entry;
    const groups = [...groupFiles(variant), ...[...labelFiles, ...tokenizer ? [tokenizer] : []].map((file) => [file])];
    const parts = await this.#read(groups, {cache, signal, onProgress});
    signal?.throwIfAborted();
    const model = await this.#loadOn(tf, {entry, variant, parts, backend, backends});
    if (!signal?.aborted) return model;
    model.dispose();
    throw signal.reason;
  }

  async #start() {
    const tf = await findTensorFlow(this.#tf, this.#release);
    await tf.ready();
    return tf;
  }

  // Where TensorFlow.js lies in the zoo.
  get #release() {
    const {tfjs} = this.catalog.toolchain ?? {};
    return tfjs ? new URL(`tfjs/${encodeURIComponent(tfjs)}/`, this.url).href : null;
  }

  // The backends that a variant may run on, by what was asked for.
  async #listBackends(tf, variant, base, asked) {
    if (!asked) return [tf.getBackend()];
    const offer = (one) => offerBackend(tf, one, this.#release, this.catalog.toolchain?.tfjs);
    if (asked !== 'auto') {
      await offer(asked);
      return [asked];
    }
    const offered = await Promise.all(AUTO.map(offer));
    const states = AUTO.map((one) => [one, variant.checks?.[one]?.status ?? base.checks?.[one]?.status])
      .filter((_, i) => offered[i]);
    const proved = states.filter(([, status]) => status === 'ok');
    const untried = states.filter(([, status]) => status !== 'failed' && status !== 'unsupported');
    const right = (proved.length ? proved : untried).map(([one]) => one);
    const emulated = await Promise.all(right.map(isEmulated));
    const quick = right.filter((_, i) => !emulated[i]);
    return quick.includes('wasm') ? quick : right;
  }

  async #loadOn(tf, {entry, variant, parts, backend, backends}) {
    const load = (one) => loadModel(tf, entry, variant, parts, findRequirements(variant, one),
      backend && one);
    if (backend !== 'auto') {
      const unable = backend && await useBackend(tf, backend);
      if (unable) throw new ZooError('backend', `${entry.name}: ${unable}`);
      return load(backends[0]);
    }
    return chooseQuickest(tf, entry, backends, load);
  }

  // Replay the published vectors of a model on this device.
  async selftest(name, {variant: wanted, backends, onResult, onProgress, signal, cache} = {}) {
    const entry = this.entry(name);
    const variant = chooseVariant(entry, wanted);
    if (!entry.vectors?.length) {
      throw new ZooError('catalog', `${name} has no test vectors in this catalog`);
    }
    const tf = await this.#start();
    const groups = [...groupFiles(variant), ...entry.vectors.map((file) => [file])];
    const {prepare} = await import('./zoo-selftest.js');
    return prepare(HELD).runSelftest(tf, {
      entry,
      variant,
      backends: backends ?? BACKENDS.filter((backend) => tf.findBackendFactory(backend)),
      readParts: () => this.#read(groups, {cache, signal, onProgress}),
      signal,
      onResult,
    });
  }

  // What a backend gets wrong is refused, and so is a release that cannot run it.
  #refuseBackend(tf, entry, variant, backend) {
    const {status, reason, agreement} = variant.checks?.[backend] ?? {};
    if (status === 'failed' || status === 'unsupported') {
      const fault = `${entry.name} does not run right on ${backend} (${reason})`;
      if (!entry.provisional || agreement !== 'wrong') {
        const others = Object.keys(variant.checks)
          .filter((one) => variant.checks[one].status === 'ok');
        throw new ZooError('backend', `${fault}; ${others.length ? `use ${others.join(' or ')}, or `
          : ''}load it with {force: true}`);
      }
      this.#warn(`${fault}; this verdict is provisional: ${entry.provisional}`);
    }
    const release = refuseRelease(tf, entry, variant, backend);
    if (release) throw new ZooError('tfjs', release);
  }

  #warn(text) {
    if (!this.#warned.has(text)) console.warn(text);
    this.#warned.add(text);
  }

  async #read(groups, {cache = this.#cache, signal, onProgress}) {
    const opened = await openCache(cache);
    return readFiles(groups, {
      base: this.url, fetcher: this.#fetcher, cache: opened, signal, onProgress,
    });
  }
}

// Load a model on each backend, let it run twice, and keep the quickest. A backend that cannot run it
// is passed over.
async function chooseQuickest(tf, entry, backends, load) {
  let best = null;
  const faults = [];
  for (const backend of backends) {
    if (best && backend === 'cpu') break;
    const unable = await useBackend(tf, backend);
    let model = null;
    try {
      if (unable) throw new Error(unable);
      model = await load(backend);
      await model.warmUp();
      const ms = await model.warmUp();
      if (best && best.ms <= ms) continue;
      best?.model.dispose();
      best = {model, ms, backend};
    } catch (error) {
      faults.push(`${backend}: ${error.message}`);
    } finally {
      if (model && best?.model !== model) model.dispose();
    }
  }
  if (!best) {
    throw new ZooError('backend', `${entry.name} runs on no backend here; ${faults.join('; ')
      || 'none of those that this page has gives right values'}`);
  }
  await tf.setBackend(best.backend);
  return best.model;
}

function chooseVariant(entry, wanted) {
  const {name, variants, status, reason, modelPath} = entry;
  const ready = variants.filter((variant) => variant.status === 'ok');
  if (!ready.length) throw new ZooError('model', `${name} is not offered (${status}): ${reason}`);
  if (wanted === undefined) {
    return ready.find((variant) => variant.modelPath === modelPath) ?? ready[0];
  }
  if (wanted === 'smallest') {
    return ready.reduce((least, one) => ((one.bytes ?? Infinity) < (least.bytes ?? Infinity) ? one : least));
  }
  const offered = ready.map((variant) => variant.name);
  const found = variants.find((variant) => variant.name === wanted)
    ?? refuseUnknown('variant', `variant of ${name}`, wanted, offered);
  if (found.status === 'ok') return found;
  throw new ZooError('variant', `${name}, ${wanted}: ${found.status}: ${found.reason}; `
    + `it has ${offered.join(', ')}`);
}

// The weights lie in a buffer of their own, as TensorFlow.js takes them.
function groupFiles({files, modelPath}) {
  const isModel = ({path}) => path === modelPath;
  return [files.filter(isModel), files.filter((file) => !isModel(file))];
}
