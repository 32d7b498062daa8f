// Describes a layers model in TensorFlow.js: `node describe.js REQUEST`, started like runner.js.
//
// The request is a JSON file: {packages, folder, model}. `folder` gets description.json: the
// inputs and outputs, each {name, dtype, shape}, or {error} if the model does not load.
'use strict';

const fs = require('fs');
const path = require('path');
const {loadPackages, useBackend} = require('./backends.js');
const {isFaultOfMachine} = require('./faults.js');
const {holdLifeline} = require('./lifeline.js');
const {loadModel} = require('./models.js');

const UNKNOWN = -1;

const describe = (name, {dtype, shape}) =>
  ({name, dtype, shape: shape.map((size) => size ?? UNKNOWN)});

// Layers state float32 for every result. If another dtype is fed, a run on zeros shows the real
// dtypes; a model that does not run with 1 for all unknown sizes keeps the stated ones.
function findDtypes(tf, {model}) {
  const stated = model.outputs.map(({dtype}) => dtype);
  if (model.inputs.every(({dtype}) => dtype === 'float32')) return stated;
  try {
    const zeros = model.inputs.map(({dtype, shape}) => tf.fill(shape.map((size) => size ?? 1),
      dtype === 'string' ? '' : 0, dtype));
    return [model.predict(zeros)].flat().map(({dtype}) => dtype);
  } catch (error) {
    console.error(error);
    return stated;
  }
}

async function main(request) {
  const tf = loadPackages(request.packages);
  await useBackend(tf, 'cpu');
  let description;
  try {
    const loaded = await loadModel(tf, request.model);
    const dtypes = findDtypes(tf, loaded);
    const {inputs, outputs} = loaded.model;
    description = {
      inputs: inputs.map((tensor, i) => describe(loaded.inputNames[i], tensor)),
      outputs: outputs.map(({shape}, i) => describe(loaded.names[i], {shape, dtype: dtypes[i]})),
    };
  } catch (error) {
    if (isFaultOfMachine(error)) throw error;
    console.error(error);
    description = {error: String((error && error.message) || error)};
  }
  fs.writeFileSync(path.join(request.folder, 'description.json'), JSON.stringify(description));
}

const finish = holdLifeline();
console.log = console.info = console.debug = console.warn = console.error;
main(JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))).catch((error) => {
  console.error(error);
  process.exitCode = 1;
}).then(() => {
  finish();
  fs.writeSync(1, `${JSON.stringify({end: true})}\n`);
});
