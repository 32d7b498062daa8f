// Tensors as texts: `tf.strings.format`.
'use strict';

const {decodeText, encodeText} = require('./bytes.js');
const {sizeOf, textAttribute, textTensor, textsOf, wholeAttribute} = require('./nodes.js');
const {writeShortFloat} = require('./numbers.js');

const ESCAPES = {'\n': '\\n', '\r': '\\r', '\t': '\\t', '"': '\\"', "'": "\\'", '\\': '\\\\'};

// absl::Utf8SafeCEscape.
const escape = (text) => text.replace(/[\x00-\x1f\x7f"'\\]/g, (char) =>
  ESCAPES[char] ?? `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`);

const WRITERS = {
  bool: (value) => (value ? '1' : '0'),
  float32: writeShortFloat,
  int32: String,
  string: (bytes) => `"${escape(decodeText(bytes))}"`,
};

// SummarizeValue of tensorflow/core/framework/tensor.cc: at most `most` elements at each end of an
// axis, all of them for a negative number.
function summarize(tf, tensor, most) {
  const {dtype, shape, size} = tensor;
  if (!WRITERS[dtype]) throw new Error(`StringFormat of ${dtype}`);
  const limit = most < 0 ? size : Math.min(most, size);
  if (!limit && (dtype === 'bool' || !shape.length)) return dtype === 'bool' ? '' : '...';
  const values = dtype === 'string' ? textsOf(tf, tensor) : tensor.dataSync();
  return summarizeAxis({values, shape, limit, write: WRITERS[dtype]}, 0, 0);
}

function summarizeAxis(summary, axis, start) {
  const {values, shape, limit, write} = summary;
  if (axis === shape.length) return write(values[start]);
  const [count, ...inner] = shape.slice(axis);
  const list = (from, end) => Array.from({length: Math.max(end - from, 0)}, (_, i) =>
    summarizeAxis(summary, axis + 1, start + (from + i) * sizeOf(inner)));
  const gap = inner.length ? '\n'.repeat(inner.length) + ' '.repeat(axis + 1) : ' ';
  const others = [...(count > 2 * limit ? ['...'] : []), ...list(Math.max(limit, count - limit), count)];
  return `[${list(0, Math.min(limit, count)).join(gap)}${others.map((part) => gap + part).join('')}]`;
}

// Numbers that TensorFlow.js holds as float32, where they have other digits.
const OTHER_FLOATS = ['DT_BFLOAT16', 'DT_DOUBLE', 'DT_HALF'];

// string_format_op.cc: a part of the template ends at its first zero byte.
function formatTensors(tf, node) {
  const float = node.node.rawAttrs.T?.list?.type?.find((type) => OTHER_FLOATS.includes(type));
  if (float) throw new Error(`StringFormat of ${float}`);
  const placeholder = textAttribute(node, 'placeholder', '%s');
  if (!placeholder) throw new Error('StringFormat without a placeholder');
  const most = wholeAttribute(node, 'summarize', 3);
  const [first, ...others] = textAttribute(node, 'template', '%s').split(placeholder)
    .map((part) => part.split('\0')[0]);
  const parts = others.map((part, i) => summarize(tf, node.inputs[i], most) + part);
  return textTensor(tf, [encodeText(first + parts.join(''))], []);
}

exports.formatTensors = formatTensors;
