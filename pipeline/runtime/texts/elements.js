// Whole texts: compared, or gathered.
'use strict';

const {sizeOf, textTensor, textsOf, wholeAttribute} = require('./nodes.js');

// Equal, of texts of one shape or of one text with others.
function compareTexts(tf, node, wanted) {
  const [left, right] = node.inputs.map((tensor) => ({shape: tensor.shape, texts: textsOf(tf, tensor)}));
  const {shape} = left.texts.length === 1 && left.shape.length <= right.shape.length ? right : left;
  for (const side of [left, right]) {
    if (String(side.shape) !== String(shape) && sizeOf(side.shape) !== 1) {
      throw new Error('texts of two shapes are compared');
    }
  }
  const at = ({texts, shape: own}, i) => texts[String(own) === String(shape) ? i : 0];
  const same = (one, other) => one.length === other.length && one.every((byte, i) => byte === other[i]);
  const found = Array.from({length: sizeOf(shape)}, (_, i) => same(at(left, i), at(right, i)) === wanted);
  return tf.tensor(found, shape, 'bool');
}

// Gather of texts, along the first axis.
function gatherTexts(tf, node) {
  const [tensor, indices, axis] = node.inputs;
  if ((axis?.dataSync()[0] ?? 0) !== 0 || wholeAttribute(node, 'batch_dims', 0) !== 0) {
    throw new Error('texts are gathered along another axis than the first');
  }
  const width = sizeOf(tensor.shape.slice(1));
  const texts = textsOf(tf, tensor);
  const gathered = Array.from(indices.dataSync()).flatMap((index) => {
    if (index < 0 || index >= tensor.shape[0]) throw new Error(`index ${index} is not in [0, ${tensor.shape[0]})`);
    return texts.slice(index * width, (index + 1) * width);
  });
  return textTensor(tf, gathered, [...indices.shape, ...tensor.shape.slice(1)]);
}

exports.compareTexts = compareTexts;
exports.gatherTexts = gatherTexts;
