// The models in folders, run and timed in TensorFlow.js:
//
//     node time_models.js PACKAGES RUNS BACKEND... -- FOLDER...
//
// Each folder has model.json and inputs.json (name to shape, dtype and values); it gets
// BACKEND.json: the outputs by name, and the median of the runs in ms; or the error.
'use strict';

const fs = require('fs');
const path = require('path');

const runtime = path.join(__dirname, '..', '..', 'pipeline', 'runtime');
const {loadPackages, useBackend} = require(path.join(runtime, 'backends.js'));
const {loadModel} = require(path.join(runtime, 'models.js'));

async function timeModel(tf, folder, runs) {
  const model = await loadModel(tf, folder);
  const given = JSON.parse(fs.readFileSync(path.join(folder, 'inputs.json')));
  const inputs = {};
  for (const [name, {shape, dtype, values}] of Object.entries(given)) {
    inputs[name] = tf.tensor(values.map((value) => value ?? NaN), shape, dtype);
  }
  const times = [];
  let outputs;
  for (let i = 0; i < runs + 3; ++i) {
    const start = performance.now();
    const tensors = await model.run(inputs);
    outputs = {};
    for (const [k, tensor] of tensors.entries()) {
      outputs[model.names[k]] = {shape: tensor.shape, values: [...await tensor.data()]};
      tensor.dispose();
    }
    if (i >= 3) times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const text = (value) => (Number.isFinite(value) ? value : String(value));
  for (const output of Object.values(outputs)) output.values = output.values.map(text);
  return {outputs, median: times[runs >> 1], requiresAsync: model.requiresAsync};
}

(async () => {
  const [packages, runs, ...rest] = process.argv.slice(2);
  const backends = rest.slice(0, rest.indexOf('--'));
  const tf = loadPackages(packages);
  for (const backend of backends) {
    await useBackend(tf, backend);
    for (const folder of rest.slice(backends.length + 1)) {
      const result = await timeModel(tf, folder, Number(runs)).catch((error) => ({error: error.message}));
      fs.writeFileSync(path.join(folder, `${backend}.json`), JSON.stringify(result));
    }
  }
})();
