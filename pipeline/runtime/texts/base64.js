// Base64 of texts, with the hyphen and the underscore (tensorflow/core/lib/strings/base64.cc).
'use strict';

const {encodeText} = require('./bytes.js');
const {isTrue, mapTexts} = require('./nodes.js');

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const PADDING = '='.charCodeAt(0);

function encodeBase64(bytes, pads) {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const packed = (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
    const count = Math.min(bytes.length - at, 3) + 1;
    for (let i = 0; i < count; i++) text += ALPHABET[(packed >> (18 - 6 * i)) & 63];
    if (pads) text += '='.repeat(4 - count);
  }
  return encodeText(text);
}

// Padding may be absent; bits behind the last whole byte are passed over.
function decodeBase64(bytes) {
  let end = bytes.length;
  if (end && end % 4 === 0 && bytes[end - 1] === PADDING) end -= bytes[end - 2] === PADDING ? 2 : 1;
  const values = Array.from(bytes.subarray(0, end), (byte) => ALPHABET.indexOf(String.fromCharCode(byte)));
  if (end % 4 === 1 || values.includes(-1)) throw new Error('DecodeBase64 of a text that is not Base64');
  return Uint8Array.from({length: Math.floor(end * 3 / 4)}, (_, i) => {
    const [at, offset] = [Math.floor(i * 8 / 6), (i * 8) % 6];
    return (values[at] << (2 + offset)) | (values[at + 1] >> (4 - offset));
  });
}

const encodeTexts = (tf, node) => mapTexts(tf, node, (bytes) => encodeBase64(bytes, isTrue(node, 'pad', false)));

const decodeTexts = (tf, node) => mapTexts(tf, node, decodeBase64);

exports.decodeTexts = decodeTexts;
exports.encodeTexts = encodeTexts;
