// Runs models in TensorFlow.js: `node runner.js PACKAGES`, started by node_process.py.
//
// Each line of standard input is a request: a JSON string, the path of a JSON file
// {given, folder, vectors, runs: [{id, backend, model, predict}]} or {given, folder, describe}.
// Models and vectors are folders in `given`. For each run `folder` gets ID.bin, its outputs end to
// end, and then ID.json, its result; for a description it gets description.json. On stdout a line of
// JSON announces each run, {"run": ID}, and the end of the request, {"end": true}, or {"end": false}
// when the process cannot go on. The output of TensorFlow.js goes to stderr. When standard input
// ends, the process ends.
'use strict';

const fs = require('fs');
const path = require('path');
const {loadPackages, renewBackend, useBackend} = require('./backends.js');
const {describe} = require('./describe.js');
const {holdLifeline} = require('./lifeline.js');
const {execute} = require('./run.js');
const {openOutputs, readVectors} = require('./tensors.js');

const tell = (event) => fs.writeSync(1, `${JSON.stringify(event)}\n`);

let tf = null;

async function runAll({given, folder, vectors: name, runs}) {
  const vectors = readVectors(path.join(given, name));
  const checked = new Map();
  for (const run of runs) {
    tell({run: run.id});
    const place = path.join(folder, String(run.id));
    const outputs = openOutputs(`${place}.bin`);
    const unable = await useBackend(tf, run.backend);
    const asked = {...run, model: path.join(given, run.model)};
    const result = unable ? {unable}
      : await execute(tf, asked, vectors, outputs, renewBackend, checked);
    outputs.close();
    if (result.broken) await renewBackend(tf, run.backend);
    const rssBytes = process.resourceUsage().maxRSS * 1024;
    fs.writeFileSync(`${place}.json`, JSON.stringify({...result, rssBytes, tfjs: tf.version.tfjs}));
  }
  vectors.close();
}

async function serve(request) {
  tf = tf || loadPackages(process.argv[2]);
  if (request.describe === undefined) return runAll(request);
  await useBackend(tf, 'cpu');
  const description = await describe(tf, path.join(request.given, request.describe));
  const file = path.join(request.folder, 'description.json');
  return fs.writeFileSync(file, JSON.stringify(description));
}

// The output of TensorFlow.js, also of the op Print, is no event.
console.log = console.info = console.debug = console.warn = console.error;
holdLifeline((line) => {
  const request = JSON.parse(fs.readFileSync(JSON.parse(line), 'utf8'));
  serve(request).then(() => tell({end: true}), (error) => {
    console.error(error);
    tell({end: false});
  });
});
