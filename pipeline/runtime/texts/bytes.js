// Texts as bytes of UTF-8.
'use strict';

const utf8 = {encoder: new TextEncoder(),
  decoder: new TextDecoder('utf-8', {fatal: true, ignoreBOM: true})};
const encodeText = (text) => utf8.encoder.encode(text);

function decodeText(bytes) {
  try {
    return utf8.decoder.decode(bytes);
  } catch {
    throw new Error('a text is not UTF-8, which this op does not take');
  }
}

const isSpace = (byte) => byte === 32 || (byte >= 9 && byte <= 13);

// TensorFlow.js decodes texts when it joins and cuts tensors. So a byte of a character by itself
// is stored as a character of a private plane: E4 as U+10FFE4, which is F4 8F BF A4 in UTF-8.
const hideByte = (byte) => (byte < 0x80 ? Uint8Array.of(byte)
  : Uint8Array.of(0xf4, 0x8f, byte < 0xc0 ? 0xbe : 0xbf, byte < 0xc0 ? byte : byte - 0x40));

function unhideBytes(bytes) {
  if (!bytes.includes(0xf4)) return bytes;
  const made = [];
  for (let at = 0; at < bytes.length; at++) {
    const part = bytes[at] === 0xf4 && bytes[at + 1] === 0x8f ? bytes[at + 2] : 0;
    const isHidden = part === 0xbe || part === 0xbf;
    made.push(isHidden ? bytes[at + 3] + 0x40 * (part - 0xbe) : bytes[at]);
    if (isHidden) at += 3;
  }
  return Uint8Array.from(made);
}

const trim = (bytes) => {
  let [start, end] = [0, bytes.length];
  while (start < end && isSpace(bytes[start])) start++;
  while (end > start && isSpace(bytes[end - 1])) end--;
  return bytes.subarray(start, end);
};

function joinBytes(parts, separator) {
  const gap = encodeText(separator);
  const all = parts.flatMap((part, i) => (i && gap.length ? [gap, part] : [part]));
  const joined = new Uint8Array(all.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of all) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

exports.decodeText = decodeText;
exports.encodeText = encodeText;
exports.hideByte = hideByte;
exports.isSpace = isSpace;
exports.joinBytes = joinBytes;
exports.trim = trim;
exports.unhideBytes = unhideBytes;
