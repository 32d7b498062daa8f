// Loads TensorFlow.js and its backends, with a few modules of Node.js and without the network.
'use strict';

const Module = require('module');
const path = require('path');

// The modules of Node.js that the two bundles require; node-fetch is not among them.
const ALLOWED = new Set(['crypto', 'fs', 'os', 'path', 'perf_hooks', 'string_decoder', 'util',
  'worker_threads']);
// To look at one of them, as the bundle does, loads Node.js' HTTP client: 25 ms.
const NETWORK = ['EventSource', 'FormData', 'Headers', 'Request', 'Response', 'WebSocket',
  'XMLHttpRequest', 'fetch'];
const PRIORITIES = {cpu: 1, wasm: 3};

// The folder holds dist/ of @tensorflow/tfjs and of @tensorflow/tfjs-backend-wasm as one.
exports.loadPackages = (folder) => {
  for (const name of NETWORK) delete globalThis[name];
  const load = Module._load;
  let tf = null;
  Module._load = (name, ...rest) => {
    // The backend asks for packages that tf.min.js has bundled.
    if (tf && name.startsWith('@tensorflow/')) return tf;
    if (ALLOWED.has(name) || name.startsWith(folder + path.sep)) return load(name, ...rest);
    throw new Error(`TensorFlow.js asks for the module '${name}'; it is not to have it`);
  };
  tf = require(path.join(folder, 'tf.min.js'));
  // It would advise, at each start, to install another backend.
  tf.env().set('PROD', true);
  const wasm = require(path.join(folder, 'tf-backend-wasm.min.js'));
  wasm.setWasmPaths(folder + path.sep);
  return tf;
};

// Make a backend the current backend; return the error, or null.
exports.useBackend = async (tf, backend) => {
  if (!tf.findBackendFactory(backend)) {
    const known = Object.keys(PRIORITIES).filter((name) => tf.findBackendFactory(name));
    return `backend '${backend}' is not in Node.js; it has ${known.sort().join(', ')}`;
  }
  const ready = await tf.setBackend(backend);
  // The wasm module's listener would end the process when execute() leaves a promise behind.
  process.removeAllListeners('uncaughtException');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', (error) => console.error('unhandled rejection:', error));
  return ready ? null : `backend '${backend}' does not start; the log says why`;
};

// Start a backend anew: after a trap a WebAssembly module cannot go on.
exports.renewBackend = async (tf, backend) => {
  const factory = tf.findBackendFactory(backend);
  // A trap may prevent the clean-up too; the process ends soon.
  const ruined = tf.engine().registry[backend];
  if (ruined) ruined.dispose = () => {};
  tf.removeBackend(backend);
  tf.registerBackend(backend, factory, PRIORITIES[backend]);
  await tf.setBackend(backend);
};
