// What TensorFlow.js itself says of graph models: a line of JSON for each folder.
//
//     node describe_graph_models.js TF_MIN_JS WASM_JS FOLDER...
//
// A folder holds base.json (the model.json of a base), published.json (the same under its source
// names), the shards, and signature.json, whose inputs say what to feed.
const fs = require('fs');
const Module = require('module');
const path = require('path');

// What TensorFlow.js prints itself, also for the op Print, does not belong to the answer.
const answer = console.log;
console.log = console.error;

const [tfPath, wasmPath, ...folders] = process.argv.slice(2);
const tf = require(path.resolve(tfPath));
// The backend asks for packages that tf.min.js has bundled.
const loadModule = Module._load;
Module._load = (name, ...rest) => (name.startsWith('@tensorflow/') ? tf : loadModule(name, ...rest));
const wasm = require(path.resolve(wasmPath));

function load(folder, name) {
  const model = JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8'));
  const shards = model.weightsManifest.flatMap((group) => group.paths)
    .map((shard) => fs.readFileSync(path.join(folder, shard)));
  const bytes = Buffer.concat(shards);
  const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const weightSpecs = model.weightsManifest.flatMap((group) => group.weights);
  const {weightsManifest, ...artifacts} = model;
  return tf.loadGraphModel({load: async () => ({...artifacts, weightSpecs, weightData})});
}

function feed(input) {
  const shape = (input.shape || []).map((size, axis) => (size >= 0 ? size : axis ? 64 : 1));
  const value = input.jsDtype === 'string' ? 'text' : 0;
  return tf.tensor(Array(tf.util.sizeFromShape(shape)).fill(value), shape, input.jsDtype);
}

// Runs the model the way that a caller without knowledge would: execute() first.
function run(model, signature) {
  const inputs = Object.fromEntries(signature.inputs.map((input) => [input.name, feed(input)]));
  try {
    const results = [].concat(model.execute(inputs));
    return {requiresAsync: false, error: null,
            results: results.map(({shape, dtype}) => ({shape, dtype}))};
  } catch (error) {
    const asks = /executeAsync\(\)/.test(error.message);
    return {requiresAsync: asks, error: asks ? null : error.message, results: null};
  }
}

// For each name that predict() gives: the node whose value, asked for alone, it returned.
function pair(model, signature) {
  const inputs = Object.fromEntries(signature.inputs.map((input) => [input.name, feed(input)]));
  const results = model.predict(inputs);
  if (results instanceof tf.Tensor || Array.isArray(results)) return null;
  return Object.fromEntries(Object.entries(results).map(([name, result]) => {
    const equal = signature.outputs.filter(({tensor}) => {
      const alone = model.execute(inputs, tensor);
      return String(alone.dataSync()) === String(result.dataSync());
    });
    return [name, equal.map(({tensor}) => tensor.split(':')[0]).join()];
  }));
}

async function describe(folder) {
  const signature = JSON.parse(fs.readFileSync(path.join(folder, 'signature.json'), 'utf8'));
  const base = await load(folder, 'base.json');
  const tensors = ({name, shape, dtype}) => ({name, shape: shape ?? null, dtype: dtype ?? null});
  const described = {inputs: base.inputs.map(tensors), outputs: base.outputs.map(tensors)};
  base.dispose();
  const published = await load(folder, 'published.json');
  const names = {inputNodes: published.inputNodes, outputNodes: published.outputNodes};
  const outcome = run(published, signature);
  const predicted = outcome.results && pair(published, signature);
  published.dispose();
  return {...described, ...names, ...outcome, predicted};
}

(async () => {
  tf.env().set('PROD', true);
  wasm.setWasmPaths(path.dirname(path.resolve(wasmPath)) + path.sep);
  await tf.setBackend('wasm');
  // A promise that execute() refused may fail later; the backend has a listener that rethrows.
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', () => {});
  for (const folder of folders) {
    tf.engine().startScope();
    answer(JSON.stringify({folder, ...await describe(folder)}));
    tf.engine().endScope();
  }
})().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
