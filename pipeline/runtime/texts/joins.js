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

// unsorted_segment_join_op.cc: there is no separator before the first text that is not empty.
function joinSegments(tf, node) {
  const [tensor, ids, counted] = node.inputs;
  const [count] = counted.dataSync();
  const ndim = ids.shape.length;
  if (!ndim || String(ids.shape) !== String(tensor.shape.slice(0, ndim))) {
    throw new Error('UnsortedSegmentJoin of texts of another shape than their segments');
  }
  const inner = tensor.shape.slice(ndim);
  const width = sizeOf(inner);
  const segments = ids.dataSync();
  const parts = Array.from({length: count * width}, () => []);
  textsOf(tf, tensor).forEach((text, i) => {
    const segment = segments[Math.floor(i / width)];
    if (segment < 0 || segment >= count) throw new Error(`segment ${segment} is not in [0, ${count})`);
    const joined = parts[segment * width + (i % width)];
    if (joined.length || text.length) joined.push(text);
  });
  const [separator] = textAttribute(node, 'separator').split('\0');
  return textTensor(tf, parts.map((some) => joinBytes(some, separator)), [count, ...inner]);
}

exports.joinSegments = joinSegments;
exports.joinTexts = joinTexts;
exports.reduceJoin = reduceJoin;
