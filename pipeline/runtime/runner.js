// Runs models in TensorFlow.js: `node runner.js REQUEST`, started by node_process.py.
//
// The request is a JSON file: {packages, vectors, folder, runs: [{id, backend, model, predict}]}.
// For each run `folder` gets ID.bin, its outputs end to end, and then ID.json, its result. On stdout
// a line of JSON announces each run, {"run": ID}, and the end, {"end": true}. The output of
// TensorFlow.js goes to stderr. Standard input is a lifeline: when it ends, the process ends.
'use strict';

const fs = require('fs');
const path = require('path');
const {loadPackages, renewBackend, useBackend} = require('./backends.js');
const {holdLifeline} = require('./lifeline.js');
const {execute} = require('./run.js');
const {openOutputs, readVectors} = require('./tensors.js');

const tell = (event) => fs.writeSync(1, `${JSON.stringify(event)}\n`);

async function main(request) {
  const tf = loadPackages(request.packages);
  const vectors = readVectors(request.vectors);
  for (const run of request.runs) {
    tell({run: run.id});
    const place = path.join(request.folder, String(run.id));
    const outputs = openOutputs(`${place}.bin`);
    const unable = await useBackend(tf, run.backend);
    const result = unable ? {unable} : await execute(tf, run, vectors, outputs, renewBackend);
    outputs.close();
    if (result.broken) await renewBackend(tf, run.backend);
    const rssBytes = process.resourceUsage().maxRSS * 1024;
    fs.writeFileSync(`${place}.json`, JSON.stringify({...result, rssBytes, tfjs: tf.version.tfjs}));
  }
}

const finish = holdLifeline();
// The output of TensorFlow.js, also of the op Print, is no event.
console.log = console.info = console.debug = console.error;
main(JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))).then(() => {
  finish();
  tell({end: true});
}).catch((error) => {
  console.error(error);
  finish();
  process.exitCode = 1;
  tell({end: true});
});
