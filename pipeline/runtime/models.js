// Models of either format with one interface: load, run by names, predict.
'use strict';

const {readModel} = require('./files.js');
const {addTextOps, findTextOps, removeTextOps} = require('./texts/ops.js');

// The message of TensorFlow.js when execute() meets an op that needs executeAsync().
const NEEDS_ASYNC = /executeAsync\(\)/;

// predict() gives one tensor, several in order, or several by name.
function listPredicted(result) {
  if (Array.isArray(result)) return result.map((tensor) => ({name: null, tensor}));
  if (result.dataId) return [{name: null, tensor: result}];
  return Object.entries(result).map(([name, tensor]) => ({name, tensor}));
}

class GraphModel {
  constructor(model, artifacts, textOps) {
    this.model = model;
    this.textOps = textOps;
    this.moreTextOps = textOps.length ? [] : findTextOps(artifacts, {all: true});
    this.names = Object.keys(artifacts.signature.outputs);
    this.requiresAsync = false;
  }

  async run(inputs) {
    if (!this.requiresAsync) {
      try {
        return [this.model.execute(inputs, this.names)].flat();
      } catch (error) {
        if (!NEEDS_ASYNC.test(error.message)) throw error;
        this.requiresAsync = true;
      }
    }
    return [await this.model.executeAsync(inputs, this.names)].flat();
  }

  // TensorFlow.js 3 has no predictAsync(), so only the order of outputNodes is known there.
  async predict(inputs) {
    if (!this.requiresAsync) return listPredicted(this.model.predict(inputs));
    if (this.model.predictAsync) return listPredicted(await this.model.predictAsync(inputs));
    const tensors = [await this.model.executeAsync(inputs, this.model.outputNodes)].flat();
    return tensors.map((tensor, i) => ({name: this.model.outputNodes[i], tensor}));
  }

  // Every node that may be executed, also those of library functions and the initializer.
  nodes() {
    const executors = [this.model.executor, this.model.initializer].filter(Boolean);
    for (const {functionExecutorMap} of executors) {
      executors.push(...Object.values(functionExecutorMap || {}).filter((e) => !executors.includes(e)));
    }
    return executors.flatMap(({graph}) => Object.values(graph.nodes));
  }

  // The tensors that KEEP_INTERMEDIATE_TENSORS has kept of the last run.
  release() {
    if (this.model.disposeIntermediateTensors) this.model.disposeIntermediateTensors();
  }

  dispose() {
    this.release();
    this.model.dispose();
  }
}

// Two outputs of one layer share a name in TensorFlow.js; this follows unique_names in
// tfjs/model/layers_topology.py.
function uniqueNames(names) {
  const unique = [];
  for (const name of names) {
    let candidate = name;
    for (let i = 0; unique.includes(candidate) || (i && names.includes(candidate));) {
      candidate = `${name}_${++i}`;
    }
    unique.push(candidate);
  }
  return unique;
}

class LayersModel {
  constructor(model) {
    // A sequential model knows its own names only when it is built, else at its first run.
    if (!model.built) model.build();
    this.model = model;
    this.inputNames = uniqueNames(model.inputNames);
    this.names = uniqueNames(model.outputNames);
    this.requiresAsync = false;
    this.textOps = this.moreTextOps = [];
  }

  async run(inputs) {
    return [this.model.predict(this.order(inputs))].flat();
  }

  async predict(inputs) {
    return listPredicted(this.model.predict(this.order(inputs)));
  }

  // Inputs under the model's own names, or else in the order in which the vectors have them.
  order(inputs) {
    return this.inputNames.map((name, i) => inputs[name] ?? Object.values(inputs)[i]);
  }

  nodes() {
    return [];
  }

  release() {}

  dispose() {
    this.model.dispose();
  }
}

// Load it as TensorFlow.js's own loaders do: all shards of all groups end to end, all weights in the
// order of the manifest. `graph` of a model is its model.json but for the weights, as text.
// Ops on texts that TensorFlow.js lacks are registered; with `all`, also those that it has.
exports.loadModel = async (tf, folder, {all = false} = {}) => {
  const {content: {weightsManifest, ...content}, weightData} = await readModel(folder);
  const weightSpecs = weightsManifest.flatMap((group) => group.weights);
  const graph = JSON.stringify(content);
  const artifacts = {...content, weightSpecs, weightData};
  const handler = {load: async () => artifacts};
  if (artifacts.format === 'layers-model') {
    return Object.assign(new LayersModel(await tf.loadLayersModel(handler)), {graph});
  }
  const textOps = findTextOps(artifacts, {all});
  removeTextOps(tf);
  if (textOps.length) addTextOps(tf);
  const model = await tf.loadGraphModel(handler);
  return Object.assign(new GraphModel(model, artifacts, textOps), {graph});
};
