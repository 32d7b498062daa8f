// Runs one model on all test vectors in TensorFlow.js, on the current backend.
'use strict';

const {isFaultOfMachine} = require('./faults.js');
const {loadModel} = require('./models.js');
const {watch} = require('./watch.js');

const KEEP = 'KEEP_INTERMEDIATE_TENSORS';

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

// Run every vector once, the first one again through predict() unless `run.predict` is false, or a
// model of the same graph and signature, which alone decide what predict() returns, was checked.
async function runVectors(tf, run, model, vectors, outputs, checked) {
  const graph = `${run.backend} ${model.graph}`;
  const times = [];
  const found = [];
  let predict = checked.get(graph) ?? null;
  for (const vector of vectors.list) {
    tf.engine().startScope();
    const inputs = vectors.read(tf, vector);
    const [results, ms] = await measure(() => runOnce(model, inputs));
    times.push(ms);
    if (times.length === 1 && run.predict !== false && !checked.has(graph)) {
      [predict, times[1]] = await measure(() => checkPredict(model, inputs, results, vectors.random));
      checked.set(graph, predict);
    }
    model.release();
    found.push({id: vector.id, outputs: results.map((output) => outputs.write(output))});
    tf.engine().endScope();
  }
  const [firstMs, ...later] = times;
  return {firstMs, steadyMs: later.length ? median(later) : null, predict, vectors: found};
}

async function attempt(tf, run, vectors, outputs, checked, flags, options) {
  const watcher = watch(tf, run.backend, run.others);
  const result = {flags, error: null, broken: false, requiresAsync: false, textOps: [], moreTextOps: [], vectors: []};
  let model = null;
  try {
    for (const [name, value] of Object.entries(flags)) tf.env().set(name, value);
    [model, result.loadMs] = await measure(() => loadModel(tf, run.model, options));
    watcher.follow(model.nodes());
    Object.assign(result, await runVectors(tf, run, model, vectors, outputs, checked));
  } catch (error) {
    if (isFaultOfMachine(error)) throw error;
    console.error(error);
    result.error = watcher.place(String((error && error.message) || error));
    result.broken = error instanceof WebAssembly.RuntimeError;
    while (tf.engine().state.activeScope) tf.engine().endScope();
  }
  if (model) {
    result.requiresAsync = model.requiresAsync;
    Object.assign(result, {textOps: model.textOps, moreTextOps: model.moreTextOps});
    model.dispose();
  }
  for (const name of Object.keys(flags)) tf.env().set(name, false);
  return {...result, ...watcher.stop()};
}

// Some graphs only run if the executor keeps tensors that it would free too early: While loops over
// strings and tensor lists, in TensorFlow.js 4. The flag is tried if control flow fails.
// A backend that lacks TensorFlow.js' own ops on texts, or fails in them, is tried with ours.
// `renew` starts a backend anew that a trap has broken. `checked` has the results of predict() by
// graph, for all runs on the same vectors.
exports.execute = async (tf, run, vectors, outputs, renew, checked = new Map()) => {
  const plain = await attempt(tf, run, vectors, outputs, checked, {});
  const lacks = plain.error !== null || Object.keys(plain.missingOps).length;
  if (lacks && plain.moreTextOps.length) {
    outputs.restart();
    const brought = await attempt(tf, run, vectors, outputs, checked, {}, {all: true});
    if (brought.error === null && !Object.keys(brought.missingOps).length) return brought;
  }
  const tryFlag = plain.error && plain.requiresAsync && KEEP in tf.env().flagRegistry;
  if (!tryFlag || Object.keys(plain.missingOps).length) return plain;
  if (plain.broken) await renew(tf, run.backend);
  outputs.restart();
  const kept = await attempt(tf, run, vectors, outputs, checked, {[KEEP]: true});
  return kept.error === null ? kept : plain;
};
