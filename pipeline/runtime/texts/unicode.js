// Characters: code points, encodings, letters.
'use strict';

const {decodeText, encodeText} = require('./bytes.js');
const {isTrue, mapTexts, textAttribute, textTensor, textsOf, wholeAttribute} = require('./nodes.js');

// The code points of a text, each with the byte at which it starts.
function listCodes(bytes) {
  let at = 0;
  return [...decodeText(bytes)].map((char) => {
    const code = char.codePointAt(0);
    const found = {code, at};
    at += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    return found;
  });
}

// unicode_ops.cc: the control characters that are replaced, tab and line feed among them.
const isControl = (code) => code < 32;

function requireUtf8(node, ...names) {
  for (const name of names) {
    const encoding = textAttribute(node, name, 'UTF-8');
    if (encoding !== 'UTF-8') throw new Error(`${node.node.op} of ${encoding}; expected UTF-8`);
  }
}

function decodeUnicode(tf, node, withOffsets) {
  requireUtf8(node, 'input_encoding');
  const replaces = isTrue(node, 'replace_control_characters', false);
  const replacement = wholeAttribute(node, 'replacement_char', 0xfffd);
  const lists = textsOf(tf, node.inputs[0]).map(listCodes);
  const splits = [0];
  for (const list of lists) splits.push(splits.at(-1) + list.length);
  const codes = lists.flat();
  const values = codes.map(({code}) => (replaces && isControl(code) ? replacement : code));
  const made = [tf.tensor1d(splits, 'int32'), tf.tensor1d(values, 'int32')];
  return withOffsets ? [...made, tf.tensor1d(codes.map(({at}) => at), 'int32')] : made;
}

function encodeUnicode(tf, node) {
  requireUtf8(node, 'output_encoding');
  const [values, splits] = node.inputs.map((tensor) => tensor.dataSync());
  const replacement = wholeAttribute(node, 'replacement_char', 0xfffd);
  const errors = textAttribute(node, 'errors', 'replace');
  const encode = (code) => {
    if (code >= 0 && code < 0x110000 && !(code >= 0xd800 && code < 0xe000)) {
      return String.fromCodePoint(code);
    }
    if (errors === 'strict') throw new Error(`${code} is no character`);
    return errors === 'ignore' ? '' : String.fromCodePoint(replacement);
  };
  const texts = Array.from({length: splits.length - 1}, (_, i) =>
    encodeText(Array.from(values.slice(splits[i], splits[i + 1]), encode).join('')));
  return textTensor(tf, texts, [texts.length]);
}

function transcodeUnicode(tf, node) {
  requireUtf8(node, 'input_encoding', 'output_encoding');
  const replaces = isTrue(node, 'replace_control_characters', false);
  const replacement = String.fromCodePoint(wholeAttribute(node, 'replacement_char', 0xfffd));
  return mapTexts(tf, node, (bytes) => encodeText(Array.from(decodeText(bytes),
    (char) => (replaces && isControl(char.codePointAt(0)) ? replacement : char)).join('')));
}

function measureTexts(tf, node) {
  const [tensor] = node.inputs;
  const byChar = textAttribute(node, 'unit', 'BYTE') === 'UTF8_CHAR';
  const lengths = textsOf(tf, tensor).map((bytes) => (byChar ? [...decodeText(bytes)] : bytes).length);
  return tf.tensor(lengths, tensor.shape, 'int32');
}

// Letters of ASCII alone, or those of Unicode with `encoding`.
function changeCase(tf, node, ascii, unicode) {
  const inUnicode = textAttribute(node, 'encoding') !== '';
  return mapTexts(tf, node, (bytes) => (inUnicode ? encodeText(unicode(decodeText(bytes))) : bytes.map(ascii)));
}

const lowerTexts = (tf, node) => changeCase(
  tf, node, (byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte), (text) => text.toLowerCase());

const upperTexts = (tf, node) => changeCase(
  tf, node, (byte) => (byte >= 97 && byte <= 122 ? byte - 32 : byte), (text) => text.toUpperCase());

exports.decodeUnicode = decodeUnicode;
exports.encodeUnicode = encodeUnicode;
exports.lowerTexts = lowerTexts;
exports.measureTexts = measureTexts;
exports.transcodeUnicode = transcodeUnicode;
exports.upperTexts = upperTexts;
