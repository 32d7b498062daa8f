// Watching a run: the peak of its tensors, and the ops whose kernel the backend lacks.
//
// A missing kernel is asked of TensorFlow.js's registry at the moment an op calls for it. The
// cpu backend's kernel stands in then, so that the run goes on and all missing ones are found.
'use strict';

// Executors throw these where TensorFlow.js has no such op at all.
const UNKNOWN_OP = /^(?:Unknown op '([^']+)'|Node type (\S+) is not implemented)/;

function standIn(tf, kernelName, backendName) {
  const kernel = tf.getKernel(kernelName, 'cpu');
  if (!kernel) return false;
  const cpu = tf.findBackend('cpu');
  const own = tf.findBackend(backendName);
  const move = (from, to) => ({dataId, shape, dtype}) =>
    ({dataId: to.write(from.readSync(dataId), shape, dtype), shape, dtype});
  const onEach = (value, change) => (Array.isArray(value) ? value.map(change) : change(value));
  const kernelFunc = ({inputs, attrs}) => {
    const moved = Object.entries(inputs).filter(([, value]) => value != null)
      .map(([name, value]) => [name, onEach(value, move(own, cpu))]);
    const results = kernel.kernelFunc({inputs: Object.fromEntries(moved), attrs, backend: cpu});
    return onEach(results, move(cpu, own));
  };
  tf.registerKernel({kernelName, backendName, kernelFunc});
  return true;
}

exports.watch = (tf, backendName) => {
  const engine = tf.engine();
  const missing = new Map(); // op of the graph -> kernel
  const standIns = [];
  let current = null;
  let peakBytes = engine.state.numBytes;

  engine.runKernel = function runKernel(kernelName, ...rest) {
    if (!tf.getKernel(kernelName, backendName)) {
      if (standIn(tf, kernelName, backendName)) standIns.push(kernelName);
      missing.set(current ?? kernelName, kernelName);
    } else if (standIns.includes(kernelName)) {
      missing.set(current ?? kernelName, kernelName);
    }
    return Object.getPrototypeOf(engine).runKernel.call(engine, kernelName, ...rest);
  };
  engine.trackTensor = function trackTensor(...values) {
    Object.getPrototypeOf(engine).trackTensor.call(engine, ...values);
    peakBytes = Math.max(peakBytes, engine.state.numBytes);
  };

  return {
    missing,
    // An executor looks at the op of a node when it begins to execute it.
    follow: (nodes) => {
      for (const node of nodes) {
        const {op} = node;
        Object.defineProperty(node, 'op', {get: () => { current = op; return op; }});
      }
    },
    noteUnknown: (message) => {
      const found = UNKNOWN_OP.exec(message);
      if (found) missing.set(found[1] || found[2], null);
    },
    stop: () => {
      delete engine.runKernel;
      delete engine.trackTensor;
      for (const name of standIns) tf.unregisterKernel(name, backendName);
      return {peakBytes, missingOps: Object.fromEntries([...missing].sort())};
    },
  };
};
