// Texts, attributes and sizes of a node, and tensors of texts.
'use strict';

const {decodeText, encodeText, unhideBytes} = require('./bytes.js');

const storedTexts = (tf, tensor) => [...tf.engine().readSync(tensor.dataId)]
  .map((value) => (typeof value === 'string' ? encodeText(value) : value));
const textsOf = (tf, tensor) => storedTexts(tf, tensor).map(unhideBytes);
const sizeOf = (shape) => shape.reduce((all, size) => all * size, 1);

const textTensor = (tf, values, shape) => tf.tensor(values, shape, 'string');

// Attributes: TensorFlow.js gives texts in small letters, so they are read from the graph itself.
function textAttribute(node, name, otherwise = '') {
  const raw = node.node.rawAttrs[name]?.s;
  if (raw == null) return otherwise;
  return decodeText(typeof raw === 'string' ? Uint8Array.from(atob(raw), (c) => c.charCodeAt(0))
    : Uint8Array.from(raw));
}

const isTrue = (node, name, otherwise) => node.node.rawAttrs[name]?.b ?? otherwise;

function wholeAttribute(node, name, otherwise) {
  const raw = node.node.rawAttrs[name]?.i;
  return raw == null ? otherwise : Number(raw);
}

const textAt = (tf, tensor) => decodeText(textsOf(tf, tensor)[0]);

function mapTexts(tf, node, change) {
  const [tensor] = node.inputs;
  return textTensor(tf, textsOf(tf, tensor).map(change), tensor.shape);
}

exports.isTrue = isTrue;
exports.mapTexts = mapTexts;
exports.sizeOf = sizeOf;
exports.storedTexts = storedTexts;
exports.textAt = textAt;
exports.textAttribute = textAttribute;
exports.textTensor = textTensor;
exports.textsOf = textsOf;
exports.wholeAttribute = wholeAttribute;
