// Models of a built zoo on the wasm backend of TensorFlow.js beside their ONNX files in
// onnxruntime-web on wasm: one process, one thread each, run by turns.
//
//     npm install onnxruntime-web@1.30.0
//     node web_runtimes.js PACKAGES NODE_MODULES ZOO RUNS NAME=FILE[,INPUT=NUMBER…]…
//
// PACKAGES is the folder of TensorFlow.js in the cache, ZOO a folder that `doit` has built. INPUT is
// one that the graph has no more, because it is constant. Last result: web_runtimes.md.
'use strict';

const path = require('path');

const [packages, modules, zoo, runs, ...jobs] = process.argv.slice(2);
const ort = require(path.join(modules, 'onnxruntime-web'));

const runtime = path.join(__dirname, '..', '..', 'pipeline', 'runtime');
const {loadPackages, useBackend} = require(path.join(runtime, 'backends.js'));
const {loadModel} = require(path.join(runtime, 'models.js'));
const {readVectors} = require(path.join(runtime, 'tensors.js'));

const ARRAYS = {
  float32: Float32Array, int32: Int32Array, int64: BigInt64Array,
  bool: Uint8Array, float64: Float64Array,
};

function feedOf(meta, tensors, constants) {
  const tensor = tensors[meta.name];
  let dims = tensor ? tensor.shape : meta.shape.map((size) => (typeof size === 'number' ? size : 1));
  const count = dims.reduce((product, size) => product * size, 1);
  const values = tensor ? [...tensor.dataSync()] : Array(count).fill(Number(constants[meta.name] || 0));
  const typed = ARRAYS[meta.type].from(values, meta.type === 'int64' ? BigInt : Number);
  // The graph may have its channels last; for the time the order of the numbers is the same.
  const fits = meta.shape.every((size, i) => typeof size !== 'number' || size < 1 || size === dims[i]);
  if (!fits) dims = [dims[0], dims[3], dims[1], dims[2]];
  return new ort.Tensor(meta.type, typed, dims);
}

async function clock(times, run) {
  const start = performance.now();
  await run();
  times.push(performance.now() - start);
}

const median = (times) => [...times].sort((a, b) => a - b)[times.length >> 1].toFixed(1);
const least = (times) => Math.min(...times).toFixed(1);

(async () => {
  ort.env.wasm.numThreads = 1;
  const opened = [];
  for (const job of jobs) {
    const [file, ...given] = job.slice(job.indexOf('=') + 1).split(',');
    const constants = Object.fromEntries(given.map((each) => each.split('=')));
    const session = await ort.InferenceSession.create(file, {executionProviders: ['wasm']});
    opened.push({name: job.slice(0, job.indexOf('=')), session, constants});
  }
  const tf = loadPackages(packages);
  await useBackend(tf, 'wasm');
  console.log('| model | TensorFlow.js wasm | onnxruntime-web wasm | ratio |\n|---|---|---|---|');
  for (const {name, session, constants} of opened) {
    const build = path.join(zoo, '.zoo', 'build', name);
    const model = await loadModel(tf, path.join(build, 'convert'));
    const vectors = readVectors(path.join(build, 'reference'));
    const inputs = vectors.read(tf, vectors.list[0]);
    const feeds = Object.fromEntries(
      session.inputMetadata.map((meta) => [meta.name, feedOf(meta, inputs, constants)]));
    const ours = [];
    const theirs = [];
    for (let i = 0; i < Number(runs) + 3; ++i) {
      await clock(ours, async () => {
        const made = await model.run(inputs);
        for (const tensor of made) await tensor.data();
        made.forEach((tensor) => tensor.dispose());
      });
      await clock(theirs, () => session.run(feeds));
    }
    const [a, b] = [ours.slice(3), theirs.slice(3)];
    const ratio = (median(b) / median(a)).toFixed(2);
    console.log(`| ${name} | ${median(a)} (${least(a)}) | ${median(b)} (${least(b)}) | ${ratio} |`);
  }
})();
