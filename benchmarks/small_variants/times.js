// Times and memory of models, the same in Node.js and in a page; `times.py` starts both.
//
//     node times.js PACKAGES URL JOB
//
// JOB is {folders, inputs, rounds, requiresAsync, backend, profiles} in JSON; `profiles` is the number
// of runs whose kernels are timed. It prints what `measure` returns.
'use strict';

// `loadPackages` takes it away.
const get = globalThis.fetch.bind(globalThis);

const read = async (address) => {
  const response = await get(address);
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  return response;
};

async function load(tf, folder) {
  const model = await (await read(`${folder}/model.json`)).json();
  const shards = model.weightsManifest.flatMap((group) => group.paths);
  const parts = await Promise.all(
    shards.map(async (shard) => (await read(`${folder}/${shard}`)).arrayBuffer()));
  const artifacts = {
    ...model,
    weightSpecs: model.weightsManifest.flatMap((group) => group.weights),
    weightData: await new Blob(parts).arrayBuffer(),
  };
  const started = performance.now();
  const loaded = await tf.loadGraphModel({load: async () => artifacts});
  return {loaded, milliseconds: performance.now() - started};
}

const sum = (times) => Object.values(times).reduce((all, one) => all + one, 0);

async function profile(tf, run) {
  let outputs;
  const {kernels} = await tf.profile(async () => (outputs = await run()));
  tf.dispose(outputs);
  const times = {};
  for (const {name, kernelTimeMs} of kernels) {
    times[name] = (times[name] ?? 0) + await kernelTimeMs;
  }
  return times;
}

// Load models, and run them one after the other, round by round, so that what slows the machine
// slows all alike. Returns the time of loading (decoding weights) and of each run but the first, and
// the times of kernels by name, in the shortest of the profiled runs of the first model.
async function measure(tf, url, {folders, inputs, rounds, requiresAsync, profiles = 0}) {
  const models = [];
  for (const folder of folders) models.push(await load(tf, `${url}/${folder}`));
  const feeds = {};
  for (const {name, shape, dtype} of inputs) {
    feeds[name] = dtype === 'int32' ?
      tf.randomUniform(shape, 0, 255, 'int32', 7) : tf.randomUniform(shape, 0, 1, 'float32', 7);
  }
  const times = models.map(() => []);
  for (let round = 0; round <= rounds; ++round) {
    for (const [i, {loaded}] of models.entries()) {
      const started = performance.now();
      const outputs = [requiresAsync ? await loaded.executeAsync(feeds) : loaded.execute(feeds)].flat();
      for (const output of outputs) await output.data();
      if (round > 0) times[i].push(performance.now() - started);
      tf.dispose(outputs);
    }
  }
  let kernels = null;
  for (let run = 0; run < profiles; ++run) {
    const [{loaded}] = models;
    const found = await profile(
      tf, async () => requiresAsync ? loaded.executeAsync(feeds) : loaded.execute(feeds));
    if (kernels === null || sum(found) < sum(kernels)) kernels = found;
  }
  const {numBytes, numBytesInGPUAllocated} = tf.memory();
  return {
    kernels,
    loads: models.map(({milliseconds}) => milliseconds),
    times,
    tensors: numBytes,
    gpu: numBytesInGPUAllocated ?? null,
    peak: typeof process === 'undefined' ? null : process.resourceUsage().maxRSS * 1024,
  };
}

if (typeof module !== 'undefined' && require.main === module) {
  const {loadPackages, useBackend} = require('../../pipeline/runtime/backends.js');
  const [packages, url, text] = process.argv.slice(2);
  const job = JSON.parse(text);
  (async () => {
    const tf = loadPackages(packages);
    await useBackend(tf, job.backend);
    console.log(JSON.stringify(await measure(tf, url, job)));
  })().catch((error) => {
    console.error(error);
    process.exit(1);
  });
}
