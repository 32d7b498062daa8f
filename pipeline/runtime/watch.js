// Watches a run: the peak of its tensors, and the ops whose kernel the backend lacks.
//
// An op looks its kernel up in TensorFlow.js's registry when it runs. For a missing kernel the cpu
// backend's kernel is used, so that the run goes on and finds all missing kernels.
'use strict';

// Errors of executors for an op that TensorFlow.js lacks.
const UNKNOWN_OP = /^(?:Unknown op '([^']+)'|Node type (\S+) is not implemented)/;

function standIn(tf, kernelName, backendName, complex) {
  const kernel = tf.getKernel(kernelName, 'cpu');
  if (!kernel) return false;
  const cpu = tf.findBackend('cpu');
  const own = tf.findBackend(backendName);
  const fromOwn = ({dataId, shape, dtype}) => (complex.has(dataId)
    ? {...complex.get(dataId), shape}
    : {dataId: cpu.write(own.readSync(dataId), shape, dtype), shape, dtype});
  const toOwn = (info) => {
    const {dataId, shape, dtype} = info;
    const values = dtype === 'complex64' ? null : cpu.readSync(dataId);
    const moved = {dataId: own.write(values, shape, dtype), shape, dtype};
    if (!values) complex.set(moved.dataId, info); // wasm has room for it, but cannot read it
    return moved;
  };
  const onEach = (value, change) => (Array.isArray(value) ? value.map(change) : change(value));
  const kernelFunc = ({inputs, attrs}) => {
    const moved = Object.entries(inputs).filter(([, value]) => value != null)
      .map(([name, value]) => [name, onEach(value, fromOwn)]);
    return onEach(kernel.kernelFunc({inputs: Object.fromEntries(moved), attrs, backend: cpu}), toOwn);
  };
  tf.registerKernel({kernelName, backendName, kernelFunc});
  return true;
}

// `others`: backends whose kernels are registered too, to be asked for those that the run uses.
exports.watch = (tf, backendName, others = []) => {
  const engine = tf.engine();
  const missing = new Map(); // op of the graph -> kernels
  const used = new Map(); // kernel -> op of the graph
  const standIns = new Set();
  const complex = new WeakMap();
  let current = null;
  let peakBytes = engine.state.numBytes;

  const note = (op, ...kernels) =>
    missing.set(op, [...new Set([...(missing.get(op) || []), ...kernels])].sort());

  // The ops for which a backend that does not run has no kernel.
  const lacking = (backend) => [...new Set([...used]
    .filter(([kernel]) => !tf.getKernel(kernel, backend)).map(([, op]) => op))].sort();

  engine.runKernel = function runKernel(kernelName, ...rest) {
    used.set(kernelName, current ? current.op : kernelName);
    if (!tf.getKernel(kernelName, backendName)) {
      if (standIn(tf, kernelName, backendName, complex)) standIns.add(kernelName);
      else note(current ? current.op : kernelName, kernelName);
    }
    if (standIns.has(kernelName)) note(current ? current.op : kernelName, kernelName);
    return Object.getPrototypeOf(engine).runKernel.call(engine, kernelName, ...rest);
  };
  engine.trackTensor = function trackTensor(...values) {
    Object.getPrototypeOf(engine).trackTensor.call(engine, ...values);
    peakBytes = Math.max(peakBytes, engine.state.numBytes);
  };

  return {
    missing,
    // To execute a node, TensorFlow.js first looks at its category (operation_executor.ts).
    follow: (nodes) => {
      for (const node of nodes) {
        const {category} = node;
        Object.defineProperty(node, 'category', {get: () => { current = node; return category; }});
      }
    },
    // The node of an error; TensorFlow.js may lack its op.
    place: (message) => {
      const found = UNKNOWN_OP.exec(message);
      if (found) note(found[1] || found[2]);
      return current ? `${message} (at ${current.op} '${current.name}')` : message;
    },
    stop: () => {
      delete engine.runKernel;
      delete engine.trackTensor;
      for (const name of standIns) tf.unregisterKernel(name, backendName);
      return {peakBytes, missingOps: Object.fromEntries([...missing].sort()),
        lacking: Object.fromEntries(others.map((backend) => [backend, lacking(backend)]))};
    },
  };
};
