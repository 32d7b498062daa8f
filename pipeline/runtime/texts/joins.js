// Texts joined: element by element, or along axes.
'use strict';

const {joinBytes} = require('./bytes.js');
const {isTrue, sizeOf, textAttribute, textTensor, textsOf} = require('./nodes.js');

function joinTexts(tf, node) {
  const separator = textAttribute(node, 'separator');
  const shape = node.inputs.find((tensor) => tensor.shape.length)?.shape ?? [];
  const parts = node.inputs.map((tensor) => ({texts: textsOf(tf, tensor), one: !tensor.shape.length}));
  const join = (_, i) => joinBytes(parts.map(({texts, one}) => texts[one ? 0 : i]), separator);
  return textTensor(tf, Array.from({length: sizeOf(shape)}, join), shape);
}

// reduce_join_op.cc, over the last axis or all.
function reduceJoin(tf, node) {
  const [tensor, axes] = node.inputs;
  const {shape} = tensor;
  const over = [...axes.dataSync()].map((axis) => (axis < 0 ? axis + shape.length : axis));
  const kept = shape.map((size, axis) => (over.includes(axis) ? 1 : size));
  if (String(over) !== String(shape.map((_, axis) => axis).slice(shape.length - over.length))) {
    throw new Error('ReduceJoin over other axes than the last');
  }
  const separator = textAttribute(node, 'separator');
  const width = sizeOf(shape.slice(shape.length - over.length));
  const texts = textsOf(tf, tensor);
  const joined = Array.from({length: sizeOf(kept)}, (_, i) =>
    joinBytes(texts.slice(i * width, (i + 1) * width), separator));
  const left = isTrue(node, 'keep_dims', false) ? kept : shape.slice(0, shape.length - over.length);
  return textTensor(tf, joined, left);
}

exports.joinTexts = joinTexts;
exports.reduceJoin = reduceJoin;
