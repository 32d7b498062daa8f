// Self-test: replay the published vectors on this very device, and say plainly pass or fail.
import {ZooError} from './errors.js';
import {loadModel} from './model.js';
import {judgeParts} from './parts.js';
import {deviceNote, findRequirements, refuseRelease, useBackend} from './tensorflow.js';
import {makeStored, readTensor, readVectors} from './vectors.js';

// What TensorFlow.js says of an op that a backend has no kernel for.
const NO_KERNEL = /Kernel '([^']+)' not registered for backend/;
const NEXT_FRAME_MS = 0;

const breathe = () => new Promise((resolve) => { setTimeout(resolve, NEXT_FRAME_MS); });
const median = (times) => [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? null;

// Test a variant on some backends, one after another; `readParts` gives its verified files and
// those of its vectors. Returns the report that zoo.js describes.
export async function runSelftest(tf, {entry, variant, backends, readParts, signal, onResult}) {
  const before = tf.getBackend();
  const results = [];
  const add = (result) => {
    results.push(result);
    onResult?.(result);
  };
  try {
    let parts;
    let vectors;
    try {
      parts = await readParts();
      const [described, stored] = ['.json', '.bin'].map((suffix) =>
        parts.get(entry.vectors.find(({path}) => path.endsWith(suffix))?.path));
      vectors = readVectors(described, stored);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof ZooError)) throw error;
      backends.forEach((backend) => add(blank(variant, backend, 'fail', error.message)));
      return summarize(entry, variant, results);
    }
    for (const backend of backends) {
      signal?.throwIfAborted();
      await breathe(); // so that the page shows what is done
      add(await testBackend(tf, backend, {entry, variant, parts, vectors, signal}));
    }
  } finally {
    if (before && tf.getBackend() !== before) await tf.setBackend(before);
  }
  return summarize(entry, variant, results);
}

function blank(variant, backend, status, reason) {
  const check = variant.checks?.[backend];
  return {backend, status, reason, expected: ['failed', 'unsupported'].includes(check?.status),
    loadMs: null, firstMs: null, runMs: null, outputs: []};
}

async function testBackend(tf, backend, subject) {
  const {entry, variant, vectors, signal} = subject;
  const unable = await useBackend(tf, backend);
  if (unable) return blank(variant, backend, 'unavailable', unable);
  const refusal = refuseRelease(tf, entry, variant, backend);
  if (refusal) return blank(variant, backend, 'unsupported', refusal);
  try {
    const {times: [firstMs, ...later], loadMs, found} = await replay(tf, backend, subject);
    const {outputs, faults} = judgeParts(entry, variant, backend, vectors, found);
    const reason = explain(faults, deviceNote(tf, backend));
    const result = blank(variant, backend, faults.length ? 'fail' : 'pass', reason);
    return {...result, loadMs, firstMs, runMs: median(later), outputs};
  } catch (error) {
    signal?.throwIfAborted();
    const lacking = NO_KERNEL.exec(error.message);
    return lacking ? blank(variant, backend, 'unsupported', `it lacks ${lacking[1]}`)
      : blank(variant, backend, 'fail', error.message);
  }
}

function explain(faults, note) {
  if (!faults.length) return null;
  const [{name, reason}, ...others] = faults;
  const more = others.length ? `; and ${others.length} more outputs` : '';
  return `${name}: ${reason}${more}${note ? ` (${note})` : ''}`;
}

async function replay(tf, backend, {entry, variant, parts, vectors, signal}) {
  const start = performance.now();
  const needs = findRequirements(variant, backend);
  const model = await loadModel(tf, entry, variant, parts, needs);
  const loadMs = performance.now() - start;
  const times = [];
  const found = [];
  try {
    for (const {inputs} of vectors.vectors) {
      signal?.throwIfAborted();
      await breathe();
      const began = performance.now();
      found.push(await runVector(tf, model, inputs));
      times.push(performance.now() - began);
    }
  } finally {
    model.dispose();
  }
  return {times, loadMs, found};
}

async function runVector(tf, model, inputs) {
  const fed = Object.fromEntries(Object.entries(inputs)
    .map(([name, one]) => [name, makeStored(tf, one)]));
  let tensors = [];
  try {
    tensors = await model.execute(fed);
    const values = await Promise.all(tensors.map(readTensor));
    return Object.fromEntries(values.map((one, i) => [model.outputs[i].name, one]));
  } finally {
    [...tensors, ...Object.values(fed)].forEach((tensor) => tensor.dispose());
  }
}

// It passes when a backend does and none fails, but for those of which the catalog says so.
function summarize(entry, variant, results) {
  const passed = results.some(({status}) => status === 'pass');
  const fault = results.find(({status, expected}) =>
    status === 'fail' && !(passed && expected));
  const reason = fault ? `${fault.backend}: ${fault.reason}`
    : passed ? null : explainNone(results);
  const status = reason ? 'fail' : 'pass';
  return {model: entry.name, variant: variant.name, status, reason, results};
}

// Say why no backend could run it: what holds for all of them once.
function explainNone(results) {
  const reasons = [...new Set(results.map(({reason}) => reason))];
  const told = reasons.length === 1 ? reasons
    : results.map(({backend, reason}) => `${backend}: ${reason}`);
  return `no backend here could run it${told.length ? `: ${told.join('; ')}` : ''}`;
}
