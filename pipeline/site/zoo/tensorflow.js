// TensorFlow.js, which the page brings: found, asked for its backends, and set as a model needs.
import {ZooError} from './errors.js';

export const BACKENDS = ['cpu', 'wasm', 'webgl', 'webgpu'];

// Return TensorFlow.js: what was given, what the page has loaded, or the installed package.
export async function findTensorFlow(given) {
  const tf = given ?? globalThis.tf ?? await importTensorFlow();
  if (typeof tf?.loadGraphModel === 'function') return tf;
  throw new ZooError('tfjs', 'what is given as `tf` is not TensorFlow.js: it lacks loadGraphModel');
}

async function importTensorFlow() {
  try {
    const module = await import('@tensorflow/tfjs');
    return module.loadGraphModel ? module : module.default;
  } catch (error) {
    throw new ZooError('tfjs', 'TensorFlow.js is not here: load tf.min.js before, install '
      + '@tensorflow/tfjs, or pass it, open(url, {tf})', {cause: error});
  }
}

// Make a backend the current one; return why that cannot be, or null.
export async function useBackend(tf, backend) {
  if (!tf.findBackendFactory(backend)) return `this page has no backend '${backend}'`;
  try {
    if (await tf.setBackend(backend)) {
      await tf.ready();
      return null;
    }
  } catch (error) {
    return `the backend does not start here: ${error.message}`;
  }
  return 'the backend does not start here; the console says why';
}

// Say what is particular of the numbers of this device, or null.
export function deviceNote(tf, backend) {
  const half = backend === 'webgl' && !tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED');
  return half ? "this device's WebGL computes in 16 bits" : null;
}

// What a page has to have for a variant: flags, ops on texts, and a release of TensorFlow.js. A backend that was
// not right where the zoo was built, or not tried there, needs what the first right one does.
export function findRequirements(variant, backend) {
  const checks = variant.checks ?? {};
  const own = checks[backend];
  const right = Object.values(checks).find(({status}) => status === 'ok');
  const check = own?.status === 'ok' ? own : right ?? own;
  const {tfjs = null, flags = {}, textOps = []} = check?.requires ?? {};
  return {release: tfjs, flags, textOps};
}

// Say why the release of TensorFlow.js that is here cannot run a variant, or null.
export function refuseRelease(tf, entry, variant, backend) {
  const {release} = findRequirements(variant, backend);
  const version = tf.version?.tfjs ?? tf.version_core;
  return release && release !== version
    ? `${entry.name} runs in TensorFlow.js ${release}; this is ${version}` : null;
}

// Runs that set flags go one after another: the flags are there for the whole page.
let flagged = Promise.resolve();

// Do something while flags are set as they have to be.
export async function withFlags(tf, flags, action) {
  const env = tf.env();
  // A release that does not know a flag does not need it.
  const names = Object.keys(flags).filter((name) => name in env.flagRegistry);
  if (!names.length) return action();
  const before = flagged;
  let release;
  flagged = new Promise((resolve) => { release = resolve; });
  await before;
  const old = names.map((name) => env.get(name));
  try {
    for (const name of names) env.set(name, flags[name]);
    return await action();
  } finally {
    names.forEach((name, i) => env.set(name, old[i]));
    release();
  }
}
