// TensorFlow.js, which the page brings: found, asked for its backends, and set as a model needs.
import {ZooError} from './errors.js';

const EMULATORS = /swiftshader|llvmpipe|software|basic render/i;

const PATIENCE_MS = 5000;

export const BACKENDS = ['cpu', 'wasm', 'webgl', 'webgpu'];

// Return TensorFlow.js: what was given, what the page has loaded, the installed package, or else the
// release that lies in the zoo.
export async function findTensorFlow(given, release) {
  const tf = given ?? globalThis.tf ?? await importTensorFlow(release);
  if (typeof tf?.loadGraphModel === 'function') return tf;
  throw new ZooError('tfjs', 'what is given as `tf` is not TensorFlow.js: it lacks loadGraphModel');
}

async function importTensorFlow(release) {
  let fault;
  try {
    const module = await import('@tensorflow/tfjs');
    return module.loadGraphModel ? module : module.default;
  } catch (error) {
    fault = error;
  }
  try {
    if (release) await loadScript(`${release}tf.min.js`);
    if (globalThis.tf) return globalThis.tf;
  } catch (error) {
    fault = error;
  }
  throw new ZooError('tfjs', 'TensorFlow.js is not here: load tf.min.js before, install '
    + '@tensorflow/tfjs, or pass it, open(url, {tf})', {cause: fault});
}

async function loadScript(href) {
  // Where this name is free, tf.min.js takes it by evaluating a text, which the policy of a page may
  // forbid: https://github.com/facebook/regenerator/issues/450
  globalThis.regeneratorRuntime ??= undefined;
  if (!globalThis.document) {
    await import(/* @vite-ignore */ /* webpackIgnore: true */ href);
    return;
  }
  await new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement('script'), {src: href, onload: resolve,
      crossOrigin: 'anonymous', onerror: () => reject(new Error(`${href} is not there`))});
    document.head.append(script);
  });
}

// Say whether `tf` has a backend; one that lies in the zoo is added, if it is of the same release.
export async function offerBackend(tf, backend, release, version) {
  if (tf.findBackendFactory(backend)) return true;
  const known = backend === 'wasm' || (backend === 'webgpu' && globalThis.navigator?.gpu);
  if (!known || !release || tf !== globalThis.tf || tf.version?.tfjs !== version) return false;
  try {
    await loadScript(`${release}tf-backend-${backend}.min.js`);
    if (backend === 'wasm') tf.wasm.setWasmPaths(release);
  } catch {
    return false;
  }
  return Boolean(tf.findBackendFactory(backend));
}

// Say whether a backend computes on the processor what is made for a graphics card: slower than wasm.
export async function isEmulated(backend) {
  if (backend === 'webgpu') {
    // A driver may never answer.
    const adapter = await Promise.race([globalThis.navigator?.gpu?.requestAdapter().catch(() => null),
      new Promise((resolve) => { setTimeout(resolve, PATIENCE_MS, null); })]);
    return Boolean(!adapter || (adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter));
  }
  if (backend !== 'webgl') return false;
  const canvas = globalThis.OffscreenCanvas ? new OffscreenCanvas(1, 1)
    : globalThis.document?.createElement('canvas');
  const context = canvas?.getContext('webgl2') ?? canvas?.getContext('webgl');
  if (!context) return Boolean(canvas);
  const {UNMASKED_RENDERER_WEBGL: name} = context.getExtension('WEBGL_debug_renderer_info') ?? {};
  const renderer = context.getParameter(name ?? context.RENDERER);
  context.getExtension('WEBGL_lose_context')?.loseContext();
  return EMULATORS.test(renderer);
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
