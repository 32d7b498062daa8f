// What predict() and execute() of TensorFlow.js return for published models: one line of JSON each.
//
//     node predict.js TF_MIN_JS FOLDER...
const fs = require('fs');
const path = require('path');
const [tfPath, ...folders] = process.argv.slice(2);
const answer = console.log;
console.log = console.error;
const tf = require(path.resolve(tfPath));

async function load(folder) {
  const model = JSON.parse(fs.readFileSync(path.join(folder, 'model.json'), 'utf8'));
  const shards = model.weightsManifest.flatMap((group) => group.paths)
    .map((shard) => fs.readFileSync(path.join(folder, shard)));
  const bytes = Buffer.concat(shards);
  const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const weightSpecs = model.weightsManifest.flatMap((group) => group.weights);
  return tf.loadGraphModel({load: async () => ({...model, weightSpecs, weightData})});
}

(async () => {
  tf.env().set('PROD', true);
  await tf.setBackend('cpu');
  for (const folder of folders) {
    const model = await load(folder);
    const inputs = Object.fromEntries(model.inputs.map(({name, shape}) =>
      [name, tf.randomUniform(shape.map((size) => (size < 0 ? 1 : size)), -1, 1, 'float32', 7)]));
    const predicted = model.predict(inputs);
    const outputs = Object.fromEntries(Object.entries(predicted).map(([name, tensor]) => {
      const alone = model.execute(inputs, name);
      const equal = tf.util.arraysEqual(tensor.shape, alone.shape)
        && String(tensor.dataSync().slice(0, 99)) === String(alone.dataSync().slice(0, 99));
      const sum = tf.sum(tensor.cast('float32')).dataSync()[0];
      return [name, {shape: tensor.shape, dtype: tensor.dtype, equal, sum}];
    }));
    answer(JSON.stringify({folder, outputs}));
  }
})();
