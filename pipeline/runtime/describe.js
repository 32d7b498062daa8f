// Describes a layers model in TensorFlow.js.
'use strict';

const {isFaultOfMachine} = require('./faults.js');
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

// The inputs and outputs, each {name, dtype, shape}, or {error} if the model does not load.
exports.describe = async (tf, folder) => {
  let loaded = null;
  try {
    loaded = await loadModel(tf, folder);
    const dtypes = tf.tidy(() => findDtypes(tf, loaded));
    const {inputs, outputs} = loaded.model;
    return {
      inputs: inputs.map((tensor, i) => describe(loaded.inputNames[i], tensor)),
      outputs: outputs.map(({shape}, i) => describe(loaded.names[i], {shape, dtype: dtypes[i]})),
    };
  } catch (error) {
    if (isFaultOfMachine(error)) throw error;
    console.error(error);
    return {error: String((error && error.message) || error)};
  } finally {
    if (loaded) loaded.dispose();
  }
};
