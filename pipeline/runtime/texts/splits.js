// Texts taken apart: at separators, or at positions in bytes or characters.
'use strict';

const {decodeText, encodeText, hideByte, isSpace} = require('./bytes.js');
const {isTrue, textAttribute, textTensor, textsOf, wholeAttribute} = require('./nodes.js');

// str_util / string_split_op.cc (StringSplitV2): white space, or a separator of any length.
function splitBytes(text, separator, most) {
  const parts = [];
  const cut = (start, end) => parts.push(text.subarray(start, end));
  let at = 0;
  if (!separator.length) {
    for (;;) {
      while (at < text.length && isSpace(text[at])) at++;
      if (at >= text.length) return parts;
      if (most >= 0 && parts.length === most) return cut(at, text.length), parts;
      const start = at;
      while (at < text.length && !isSpace(text[at])) at++;
      cut(start, at);
    }
  }
  const matches = (place) => separator.every((byte, i) => text[place + i] === byte);
  let start = 0;
  while (at + separator.length <= text.length && !(most >= 0 && parts.length === most)) {
    if (matches(at)) {
      cut(start, at);
      at += separator.length;
      start = at;
    } else at++;
  }
  cut(start, text.length);
  return parts;
}

// string_split_op.cc (StringSplit): each byte of the delimiter separates.
function splitAtBytes(text, delimiters, skipEmpty) {
  if (!delimiters.length) return Array.from(text, hideByte);
  const parts = [];
  let start = 0;
  for (let at = 0; at <= text.length; at++) {
    if (at < text.length && !delimiters.includes(text[at])) continue;
    if (at > start || !skipEmpty) parts.push(text.subarray(start, at));
    start = at + 1;
  }
  return parts;
}

function splitAll(tf, node, split) {
  const [texts, [separator]] = node.inputs.map((tensor) => textsOf(tf, tensor));
  const parts = texts.map((text) => split(text, separator));
  const indices = parts.flatMap((some, row) => some.flatMap((_, column) => [row, column]));
  const values = parts.flat();
  const most = parts.reduce((longest, some) => Math.max(longest, some.length), 0);
  return [tf.tensor2d(indices, [values.length, 2], 'int32'), textTensor(tf, values, [values.length]),
    tf.tensor1d([texts.length, most], 'int32')];
}

const splitTexts = (tf, node) => splitAll(tf, node,
  (text, delimiters) => splitAtBytes(text, delimiters, isTrue(node, 'skip_empty', true)));

const splitTextsV2 = (tf, node) => splitAll(tf, node,
  (text, separator) => splitBytes(text, separator, wholeAttribute(node, 'maxsplit', -1)));

// Positions and lengths in bytes or characters (substr_op.cc); a negative position counts from the
// end. One position for all texts, or one for each.
function takeParts(tf, node) {
  const [texts, places, lengths] = node.inputs;
  const [from, sizes] = [places.dataSync(), lengths.dataSync()];
  if (from.length !== 1 && String(places.shape) !== String(texts.shape)) {
    throw new Error('Substr with positions of another shape than the texts');
  }
  const byChar = textAttribute(node, 'unit', 'BYTE') === 'UTF8_CHAR';
  const taken = textsOf(tf, texts).map((bytes, i) => {
    const units = byChar ? [...decodeText(bytes)] : bytes;
    const stated = from[from.length === 1 ? 0 : i];
    const start = stated < 0 ? stated + units.length : stated;
    if (start < 0 || start > units.length) {
      throw new Error(`pos ${stated} out of range for a text of ${units.length}`);
    }
    const part = units.slice(start, start + sizes[sizes.length === 1 ? 0 : i]);
    return byChar ? encodeText(part.join('')) : part;
  });
  return textTensor(tf, taken, texts.shape);
}

exports.splitTexts = splitTexts;
exports.splitTextsV2 = splitTextsV2;
exports.takeParts = takeParts;
