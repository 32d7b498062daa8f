// Runs models in TensorFlow.js: `node runner.js REQUEST`, started by node_process.py.
//
// The request is a JSON file: {packages, vectors, folder, checkPredict, runs: [{id, backend, model}]}.
// For each run `folder` gets ID.bin, its outputs end to end, and then ID.json, its result. On stdout a line
// of JSON announces each run, {"run": ID}, and the end, {"end": true}. The output of TensorFlow.js
// goes to stderr. Standard input is a lifeline: when it ends, the process ends.
'use strict';

const fs = require('fs');
const path = require('path');
const {loadPackages, renewBackend, useBackend} = require('./backends.js');
const {isFaultOfMachine} = require('./faults.js');
const {holdLifeline} = require('./lifeline.js');
const {loadModel} = require('./models.js');
const {openOutputs, readVectors} = require('./tensors.js');
const {watch} = require('./watch.js');

const KEEP = 'KEEP_INTERMEDIATE_TENSORS';

const tell = (event) => fs.writeSync(1, `${JSON.stringify(event)}\n`);
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function measure(action) {
  const start = performance.now();
  return [await action(), performance.now() - start];
}

// Read the values; only then has an asynchronous backend computed them.
const read = (tensor) => (tensor.dtype === 'string' ? tensor.bytes() : tensor.data());

async function runOnce(model, inputs) {
  const tensors = await model.run(inputs);
  const values = await Promise.all(tensors.map(read));
  return tensors.map(({shape, dtype}, i) => ({name: model.names[i], shape, dtype, values: values[i]}));
}

// The difference between predict() and the outputs by name, or null.
async function checkPredict(model, inputs, outputs, random) {
  const predicted = await model.predict(inputs);
  const values = await Promise.all(predicted.map(({tensor}) => read(tensor)));
  if (predicted.length !== outputs.length) {
    return `predict() returns ${predicted.length} outputs; the signature has ${outputs.length}`;
  }
  for (const [i, {name, tensor}] of predicted.entries()) {
    const expected = outputs[i];
    if (name !== null && name !== expected.name) {
      return `predict() calls output ${i} '${name}'; the signature calls it '${expected.name}'`;
    }
    const alike = tensor.dtype === expected.dtype && String(tensor.shape) === String(expected.shape);
    if (!alike || !(random.has(expected.name) || same(values[i], expected.values))) {
      return `predict() returns another tensor than execute() does for '${expected.name}'`;
    }
  }
  return null;
}

function same(some, others) {
  return some.length === others.length && some.every((value, i) =>
    (value instanceof Uint8Array ? same(value, others[i]) : Object.is(value, others[i])));
}

// Run every vector once, the first one again through predict() if the request asks for it.
async function runVectors(tf, model, vectors, outputs) {
  const times = [];
  const found = [];
  let predict = null;
  for (const vector of vectors.list) {
    tf.engine().startScope();
    const inputs = vectors.read(tf, vector);
    const [results, ms] = await measure(() => runOnce(model, inputs));
    times.push(ms);
    if (times.length === 1 && vectors.checkPredict) {
      [predict, times[1]] = await measure(() => checkPredict(model, inputs, results, vectors.random));
    }
    model.release();
    found.push({id: vector.id, outputs: results.map((output) => outputs.write(output))});
    tf.engine().endScope();
  }
  const [firstMs, ...later] = times;
  return {firstMs, steadyMs: later.length ? median(later) : null, predict, vectors: found};
}

async function attempt(tf, run, vectors, outputs, flags) {
  const watcher = watch(tf, run.backend);
  const result = {flags, error: null, broken: false, requiresAsync: false, vectors: []};
  let model = null;
  try {
    for (const [name, value] of Object.entries(flags)) tf.env().set(name, value);
    [model, result.loadMs] = await measure(() => loadModel(tf, run.model));
    watcher.follow(model.nodes());
    Object.assign(result, await runVectors(tf, model, vectors, outputs));
  } catch (error) {
    if (isFaultOfMachine(error)) throw error;
    console.error(error);
    result.error = watcher.place(String((error && error.message) || error));
    result.broken = error instanceof WebAssembly.RuntimeError;
    while (tf.engine().state.activeScope) tf.engine().endScope();
  }
  if (model) {
    result.requiresAsync = model.requiresAsync;
    model.dispose();
  }
  for (const name of Object.keys(flags)) tf.env().set(name, false);
  return {...result, ...watcher.stop()};
}

// Some graphs only run if the executor keeps tensors that it would free too early: While loops over
// strings and tensor lists, in TensorFlow.js 4. The flag is tried if control flow fails.
async function execute(tf, run, vectors, outputs) {
  const plain = await attempt(tf, run, vectors, outputs, {});
  const tryFlag = plain.error && plain.requiresAsync && KEEP in tf.env().flagRegistry;
  if (!tryFlag || Object.keys(plain.missingOps).length) return plain;
  if (plain.broken) await renewBackend(tf, run.backend);
  outputs.restart();
  const kept = await attempt(tf, run, vectors, outputs, {[KEEP]: true});
  return kept.error === null ? kept : plain;
}

async function main(request) {
  const tf = loadPackages(request.packages);
  const vectors = {...readVectors(request.vectors), checkPredict: request.checkPredict};
  for (const run of request.runs) {
    tell({run: run.id});
    const place = path.join(request.folder, String(run.id));
    const outputs = openOutputs(`${place}.bin`);
    const unable = await useBackend(tf, run.backend);
    const result = unable ? {unable} : await execute(tf, run, vectors, outputs);
    outputs.close();
    if (result.broken) await renewBackend(tf, run.backend);
    const rssBytes = process.resourceUsage().maxRSS * 1024;
    fs.writeFileSync(`${place}.json`, JSON.stringify({...result, rssBytes, tfjs: tf.version.tfjs}));
  }
}

const finish = holdLifeline();
// The output of TensorFlow.js, also of the op Print, is no event.
console.log = console.info = console.debug = console.error;
main(JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))).then(() => {
  finish();
  tell({end: true});
}).catch((error) => {
  console.error(error);
  finish();
  process.exitCode = 1;
  tell({end: true});
});
