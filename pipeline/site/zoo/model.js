// A loaded model: graph model or layers model behind one face, its results by role.
import {ZooError, refuseUnknown} from './errors.js';
import {findFrame} from './images.js';
import {makeBlanks, makeInputs} from './inputs.js';
import {streamResults} from './stream.js';
import {withFlags} from './tensorflow.js';
import {addTextOps} from './texts.js';

// What TensorFlow.js says when execute() meets what only executeAsync() can do.
const NEEDS_ASYNC = /executeAsync\(\)/;

// Read model.json and its shards into what the loaders of TensorFlow.js take.
function readArtifacts(entry, variant, parts) {
  const {weightsManifest = [], ...artifacts} = JSON.parse(
    new TextDecoder().decode(parts.get(variant.modelPath)));
  const shards = weightsManifest.flatMap((group) => group.paths).map((name) => {
    const shard = parts.get(new URL(name, `http://a/${variant.modelPath}`).pathname.slice(1));
    if (shard) return shard;
    throw new ZooError('catalog', `${entry.name}: model.json names '${name}', which the catalog `
      + 'does not list');
  });
  const weightSpecs = weightsManifest.flatMap((group) => group.weights);
  return {...artifacts, format: artifacts.format ?? entry.format, weightSpecs,
    weightData: joinShards(shards)};
}

// Shards that fill a buffer, as they are read, need no copy.
function joinShards(shards) {
  const total = shards.reduce((sum, shard) => sum + shard.length, 0);
  let end = 0;
  const adjoining = shards.every((shard) => shard.buffer === shards[0].buffer
    && shard.byteOffset === end && ((end += shard.length), true));
  if (adjoining && shards.length && shards[0].buffer.byteLength === total) return shards[0].buffer;
  const joined = new Uint8Array(total);
  let offset = 0;
  for (const shard of shards) {
    joined.set(shard, offset);
    offset += shard.length;
  }
  return joined.buffer;
}

// Names of classes, by output; verified files hold them.
function readLabels({outputs}, parts) {
  const named = outputs.filter(({labels}) => labels && parts.has(labels.path));
  return Object.fromEntries(named.map(({name, labels}) =>
    [name, JSON.parse(new TextDecoder().decode(parts.get(labels.path)))]));
}

// Load the model that verified files hold; with `backend` it runs there alone.
export async function loadModel(tf, entry, variant, parts, {flags, textOps}, backend = null) {
  const artifacts = readArtifacts(entry, variant, parts);
  const handler = {load: async () => artifacts};
  const layers = artifacts.format === 'layers-model';
  if (textOps.length) await addTextOps(tf);
  try {
    const load = () => (layers ? tf.loadLayersModel(handler) : tf.loadGraphModel(handler));
    const tfModel = await withFlags(tf, flags, load);
    return new Model(tf, {entry, variant, flags, tfModel, layers, backend,
      labels: readLabels(entry, parts), words: parts.get(entry.tokenizer?.path) ?? null});
  } catch (error) {
    throw new ZooError('run', `${entry.name}: TensorFlow.js cannot load it: ${error.message}`,
      {cause: error});
  }
}

// The names that results have: the roles of an output, or else its own name; none for state.
export function nameResults(entry) {
  const roles = Object.entries(entry.map).filter(([, tensor]) => tensor !== null);
  const taken = new Set(Object.keys(entry.map));
  const states = new Set(entry.inputs.map(({state}) => state));
  return entry.outputs.map(({name, tensor}) => {
    if (states.has(name)) return [];
    const own = roles.filter(([, one]) => one === tensor).map(([role]) => role);
    return own.length ? own : [taken.has(name) ? tensor : name];
  });
}

class Model {
  #tf;
  #flags;
  #layers;
  #requiresAsync;
  #running = 0;
  #disposed = false;
  #state = {};
  #turn = Promise.resolve();
  #words;

  constructor(tf, {entry, variant, flags, tfModel, layers, backend, labels, words}) {
    this.#words = words;
    this.#tf = tf;
    this.#flags = flags;
    this.#layers = layers;
    this.#requiresAsync = Boolean(entry.requiresAsync);
    this.entry = entry;
    this.name = entry.name;
    this.variant = variant.name;
    this.inputs = entry.inputs;
    this.outputs = entry.outputs;
    this.labels = labels;
    this.points = entry.points ?? null;
    this.method = entry.results?.method ?? null;
    this.backend = backend;
    this.tfModel = tfModel;
    // A sequential model knows its own names only when it is built.
    if (layers && !tfModel.built) tfModel.build();
  }

  // Run it once. Results are tensors, which the caller disposes, or nested arrays. A model with state
  // runs once after another.
  async run(input, options = {}) {
    const {as = 'tensors'} = options;
    if (as !== 'tensors' && as !== 'arrays') {
      throw new ZooError('input', `as: '${as}'; expected 'tensors' or 'arrays'`);
    }
    const run = () => this.#runOnce(input, options);
    const turn = this.inputs.some(({state}) => state) ? this.#turn.then(run) : run();
    this.#turn = turn.catch(() => {});
    const results = this.#named(await turn);
    if (as === 'tensors') return results;
    const names = Object.keys(results);
    const arrays = await Promise.all(names.map((name) => results[name].array()));
    names.forEach((name) => results[name].dispose());
    return Object.fromEntries(names.map((name, i) => [name, arrays[i]]));
  }

  // What its roles are good for, in plain values; each says what is missing where it cannot.
  attributes(input, options) { return this.#result('attributes', input, options); }
  classify(input, options) { return this.#result('classify', input, options); }
  detect(input, options) { return this.#result('detect', input, options); }
  embed(input, options) { return this.#result('embed', input, options); }
  enhance(input, options) { return this.#result('enhance', input, options); }
  keypoints(input, options) { return this.#result('keypoints', input, options); }
  segment(input, options) { return this.#result('segment', input, options); }
  transcribe(input, options) { return this.#result('transcribe', input, options); }

  // The numbers that stand for a text, or for a pair of texts, and the tokens themselves.
  async tokenize(text, options) {
    const {tokenizer} = await this.#openTokenizer();
    const found = tokenizer.encode(text, options);
    return {...found, tokens: found.ids.map(tokenizer.tokenOf)};
  }

  // The inputs that stand for texts, by name, all as long as the longest of them.
  async fillTokens(texts, {pair} = {}) {
    const {part, tokenizer} = await this.#openTokenizer();
    return part.fillInputs(tokenizer, [texts].flat(), pair && [pair].flat(), this.entry);
  }

  // Results of one image or sound after another, with the state going on.
  stream(source, options) { return streamResults(this, source, options); }

  // Run it once on blank inputs, so that a backend compiles and uploads; return the milliseconds.
  async warmUp() {
    const inputs = this.#words ? await makeInputs(this.#tf, await this.fillTokens(''), this.inputs, {state: {}})
      : makeBlanks(this.#tf, this.inputs);
    const start = performance.now();
    let tensors = [];
    try {
      tensors = await this.execute(inputs);
      await Promise.all(tensors.map((tensor) => tensor.data()));
      return performance.now() - start;
    } finally {
      [...tensors, ...Object.values(inputs)].forEach((tensor) => tensor.dispose());
    }
  }

  // Forget the state of the runs before.
  reset() {
    Object.values(this.#state).forEach((tensor) => tensor.dispose());
    this.#state = {};
  }

  // The part of an image that an input shows, in pixels of the image.
  frame(image, name = this.inputs[0].name) {
    const input = this.inputs.find((one) => one.name === name);
    return findFrame(image, input ?? refuseUnknown('input', `input of ${this.name}`, name,
      this.inputs.map((one) => one.name)));
  }

  // Return the tensors of all outputs in the order of `outputs`.
  async execute(inputs) {
    if (this.#disposed) throw new ZooError('run', `${this.name}: the model has been disposed of`);
    this.#running++;
    try {
      if (this.backend && this.#tf.getBackend() !== this.backend) {
        await this.#tf.setBackend(this.backend);
      }
      return await withFlags(this.#tf, this.#flags, () => this.#execute(inputs));
    } finally {
      this.#running--;
      // What the flag KEEP_INTERMEDIATE_TENSORS has kept of this run.
      if (!this.#running) this.tfModel.disposeIntermediateTensors?.();
    }
  }

  dispose() {
    if (this.#disposed) return;
    this.#disposed = true;
    this.reset();
    this.tfModel.dispose();
  }

  async #result(method, input, options = {}) {
    const {prepare} = await import('./zoo-results.js');
    return prepare(HELD).giveResult(this, method, input, options);
  }

  async #runOnce(input, options) {
    const given = new Set([...tensorsIn(input), ...Object.values(this.#state)]);
    const filled = isTexts(input) && this.entry.tokenizer ? await this.fillTokens(input, options) : input;
    const inputs = await makeInputs(this.#tf, filled, this.inputs, {...options, state: this.#state});
    try {
      const tensors = await this.execute(inputs);
      this.#keepState(tensors);
      return tensors;
    } catch (error) {
      if (error instanceof ZooError) throw error;
      throw new ZooError('run', `${this.name} on ${this.#tf.getBackend()}: ${error.message}`,
        {cause: error});
    } finally {
      Object.values(inputs).filter((tensor) => !given.has(tensor)).forEach((one) => one.dispose());
    }
  }

  async #execute(inputs) {
    if (this.#layers) {
      const ordered = this.inputs.map(({name}) => inputs[name]);
      return [this.tfModel.predict(ordered.length > 1 ? ordered : ordered[0])].flat();
    }
    const names = this.outputs.map(({name}) => name);
    if (!this.#requiresAsync) {
      try {
        return [this.tfModel.execute(inputs, names)].flat();
      } catch (error) {
        if (!NEEDS_ASYNC.test(error.message)) throw error;
        this.#requiresAsync = true;
      }
    }
    return [await this.tfModel.executeAsync(inputs, names)].flat();
  }

  // The part of the loader, and the tokenizer that it makes of the model's file, once.
  async #openTokenizer() {
    if (!this.#words) throw new ZooError('result', `${this.name} has no tokenizer`);
    if (this.#words instanceof Uint8Array) {
      const config = new TextDecoder().decode(this.#words);
      this.#words = import('./zoo-tokenizer.js').then(({prepare}) => {
        const part = prepare(HELD);
        return {part, tokenizer: part.makeTokenizer(JSON.parse(config))};
      });
    }
    return this.#words;
  }

  #keepState(tensors) {
    const kept = this.inputs.filter(({state}) => state).map(({name, state}) =>
      [name, tensors[this.outputs.findIndex((output) => output.name === state)]?.clone()]);
    this.reset();
    this.#state = Object.fromEntries(kept.filter(([, tensor]) => tensor));
  }

  #named(tensors) {
    const results = {};
    nameResults(this.entry).forEach((names, i) => names.forEach((name, n) => {
      results[name] = n ? tensors[i].clone() : tensors[i];
    }));
    const returned = new Set(Object.values(results));
    tensors.filter((tensor) => !returned.has(tensor)).forEach((tensor) => tensor.dispose());
    // The catalog says so where the class is the one with the best score.
    if (this.entry.map.classes === null && results.scores) {
      results.classes = results.scores.argMax(-1);
    }
    return results;
  }
}

const isTexts = (input) => typeof input === 'string'
  || (Array.isArray(input) && input.length > 0 && input.every((one) => typeof one === 'string'));

function tensorsIn(input) {
  if (input?.dataSync) return [input];
  return Object.values(input ?? {}).filter((value) => value?.dataSync);
}
