// Whole texts: compared, or gathered.
'use strict';

const {sizeOf, storedTexts, textTensor, textsOf, wholeAttribute} = require('./nodes.js');

// Equal and NotEqual of texts whose shapes broadcast.
function compareTexts(tf, node, wanted) {
  const sides = node.inputs.map((tensor) => ({shape: tensor.shape, texts: textsOf(tf, tensor)}));
  const shape = tf.backend_util.assertAndGetBroadcastShape(sides[0].shape, sides[1].shape);
  const [left, right] = sides.map((side) => placesIn(side.shape, shape).map((place) => side.texts[place]));
  const same = (one, other) => one.length === other.length && one.every((byte, i) => byte === other[i]);
  return tf.tensor(left.map((text, i) => same(text, right[i]) === wanted), shape, 'bool');
}

// For each element of a shape, its place in an array that broadcasts to it: [2, 1] to [2, 2] as 0, 0, 1, 1.
function placesIn(own, shape) {
  return shape.reduce((places, size, axis) => {
    const ownSize = own[axis - shape.length + own.length] ?? 1;
    return places.flatMap((place) => Array.from({length: size}, (_, i) => place * ownSize + (ownSize > 1 ? i : 0)));
  }, [0]);
}

// Gather of texts, along any axis.
function gatherTexts(tf, node) {
  const [tensor, indices, axes] = node.inputs;
  const {shape} = tensor;
  if (wholeAttribute(node, 'batch_dims', 0) !== 0) throw new Error('texts are gathered by batches');
  const axis = ((axes?.dataSync()[0] ?? 0) + shape.length) % shape.length;
  const [before, after] = [shape.slice(0, axis), shape.slice(axis + 1)];
  const width = sizeOf(after);
  const texts = storedTexts(tf, tensor);
  const take = (row, index) => {
    if (index < 0 || index >= shape[axis]) throw new Error(`index ${index} is not in [0, ${shape[axis]})`);
    const start = (row * shape[axis] + index) * width;
    return texts.slice(start, start + width);
  };
  const places = Array.from(indices.dataSync());
  const gathered = Array.from({length: sizeOf(before)}, (_, row) => places.flatMap((index) => take(row, index)));
  return textTensor(tf, gathered.flat(), [...before, ...indices.shape, ...after]);
}

// GatherNd of texts.
function gatherTextsAt(tf, node) {
  const [tensor, indices] = node.inputs;
  const depth = indices.shape.at(-1);
  const [outer, inner, rows] = [tensor.shape.slice(0, depth), tensor.shape.slice(depth), indices.shape.slice(0, -1)];
  const [texts, places, width] = [storedTexts(tf, tensor), indices.dataSync(), sizeOf(inner)];
  const gathered = Array.from({length: sizeOf(rows)}, (_, row) => {
    const start = width * outer.reduce((place, size, axis) => {
      const index = places[row * depth + axis];
      if (index < 0 || index >= size) throw new Error(`index ${index} is not in [0, ${size})`);
      return place * size + index;
    }, 0);
    return texts.slice(start, start + width);
  });
  return textTensor(tf, gathered.flat(), [...rows, ...inner]);
}

exports.compareTexts = compareTexts;
exports.gatherTexts = gatherTexts;
exports.gatherTextsAt = gatherTextsAt;
