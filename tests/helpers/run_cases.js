// Models run in TensorFlow.js, each on vectors of its own, by the pipeline's own modules:
//
//     node run_cases.js PACKAGES BACKEND... -- FOLDER...
//
// Each folder has model.json and vectors/; it gets BACKEND.json, the outputs of its first vector
// or the error, and BACKEND.bin, their values.
'use strict';

const fs = require('fs');
const path = require('path');

const runtime = path.join(__dirname, '..', '..', 'pipeline', 'runtime');
const {loadPackages, useBackend} = require(path.join(runtime, 'backends.js'));
const {loadModel} = require(path.join(runtime, 'models.js'));
const {openOutputs, readVectors} = require(path.join(runtime, 'tensors.js'));

async function runModel(tf, folder, file) {
  const model = await loadModel(tf, folder);
  const vectors = readVectors(path.join(folder, 'vectors'));
  const tensors = await model.run(vectors.read(tf, vectors.list[0]));
  const outputs = [];
  for (const [i, {shape, dtype}] of tensors.entries()) {
    const values = dtype === 'string' ? await tensors[i].bytes() : await tensors[i].data();
    outputs.push(file.write({name: model.names[i], shape, dtype, values}));
  }
  return {outputs, requiresAsync: model.requiresAsync};
}

(async () => {
  const [packages, ...rest] = process.argv.slice(2);
  const backends = rest.slice(0, rest.indexOf('--'));
  const tf = loadPackages(packages);
  for (const backend of backends) {
    await useBackend(tf, backend);
    for (const folder of rest.slice(backends.length + 1)) {
      const file = openOutputs(path.join(folder, `${backend}.bin`));
      const result = await runModel(tf, folder, file).catch((error) => ({error: error.message}));
      file.close();
      fs.writeFileSync(path.join(folder, `${backend}.json`), JSON.stringify(result));
    }
  }
})();
