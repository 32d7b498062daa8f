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
exports.isSpace = isSpace;
exports.joinBytes = joinBytes;
exports.trim = trim;
