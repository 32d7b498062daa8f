// Numbers written as texts, and read from them.
'use strict';

const {decodeText, encodeText, trim} = require('./bytes.js');
const {isTrue, textAttribute, textTensor, textsOf, wholeAttribute} = require('./nodes.js');

// as_string_op.cc: printf's %d and %.*f, and true and false.
function writeNumbers(tf, node) {
  const [tensor] = node.inputs;
  const places = wholeAttribute(node, 'precision', -1);
  const formatted = isTrue(node, 'scientific', false) || isTrue(node, 'shortest', false)
    || wholeAttribute(node, 'width', -1) >= 0 || textAttribute(node, 'fill') !== '';
  if (formatted) throw new Error('AsString with another format than %d or %f');
  const write = {
    bool: (value) => (value ? 'true' : 'false'),
    float32: (value) => writeDecimal(value, places < 0 ? 6 : places),
    int32: String,
  }[tensor.dtype];
  if (!write) throw new Error(`AsString of ${tensor.dtype}`);
  return textTensor(tf, Array.from(tensor.dataSync(), (value) => encodeText(write(value))), tensor.shape);
}

function writeDecimal(value, places) {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  if (Math.abs(value) >= 1e21) return `${BigInt(value)}${places ? `.${'0'.repeat(places)}` : ''}`;
  // toFixed() rounds halves up; printf rounds them to even.
  const longer = Math.abs(value).toFixed(places + 1);
  let text = Math.abs(value).toFixed(places);
  if (longer.endsWith('5') && Number(longer) === Math.abs(value)) {
    const below = longer.slice(0, -1).replace(/\.$/, '');
    if ('02468'.includes(below.at(-1))) text = below;
  }
  return value < 0 || Object.is(value, -0) ? `-${text}` : text;
}

// printf's %.*e without its sign, the exponent apart; toExponential() rounds halves up, printf to even.
function roundDigits(size, count) {
  const exact = size.toExponential(100);
  const isHalf = /^50*e/.test(exact.slice(count + 1));
  const staysEven = isHalf && '02468'.includes(exact.slice(0, count + 1).replace('.', '').at(-1));
  const [digits, exponent] = (staysEven ? exact : size.toExponential(count - 1)).split('e');
  return [digits.replace('.', '').slice(0, count), Number(exponent)];
}

// printf's %.*g.
function writeGeneral(value, count) {
  const [digits, exponent] = roundDigits(Math.abs(value), count);
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const kept = digits.replace(/0+$/, '') || '0';
  const point = (text, at) => (text.length > at ? `${text.slice(0, at)}.${text.slice(at)}` : text);
  if (exponent < -4 || exponent >= count) {
    const power = String(Math.abs(exponent)).padStart(2, '0');
    return `${sign}${point(kept, 1)}e${exponent < 0 ? '-' : '+'}${power}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${kept}`;
  return sign + point(kept.padEnd(exponent + 1, '0'), exponent + 1);
}

// strings::FloatToBuffer (tensorflow/core/lib/strings/numbers.cc): six digits, or nine if they are
// another number of float32. TensorFlow's kernels run with subnormal numbers as zeros.
const SMALLEST_NORMAL = 2 ** -126;

function writeShortFloat(value) {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  if (Math.abs(value) < SMALLEST_NORMAL) return value < 0 || Object.is(value, -0) ? '-0' : '0';
  const short = writeGeneral(value, 6);
  return Math.fround(Number(short)) === value ? short : writeGeneral(value, 9);
}

// string_to_number_op.cc: spaces around a number are passed over; hexadecimal floats are not known.
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const SPECIAL = {inf: Infinity, infinity: Infinity, nan: NaN};

function readNumbers(tf, node) {
  const [tensor] = node.inputs;
  const wanted = node.node.rawAttrs.out_type?.type ?? 'DT_FLOAT';
  const isWhole = ['DT_INT32', 'DT_INT64', 3, 9].includes(wanted);
  const values = textsOf(tf, tensor).map((bytes) => {
    const text = decodeText(trim(bytes));
    const value = isWhole ? readWhole(text) : readDecimal(text);
    if (value === undefined) throw new Error(`StringToNumber could not read '${text}'`);
    return value;
  });
  return tf.tensor(values, tensor.shape, isWhole ? 'int32' : 'float32');
}

function readWhole(text) {
  if (!/^[+-]?\d+$/.test(text)) return undefined;
  const value = Number(text);
  return value === (value | 0) ? value : undefined;
}

function readDecimal(text) {
  const [, sign, name] = /^([+-]?)(\w+)$/.exec(text) ?? [];
  const special = SPECIAL[name?.toLowerCase()];
  if (special !== undefined) return sign === '-' ? -special : special;
  if (!DECIMAL.test(text)) return undefined;
  const value = Number(text);
  const rounded = Math.fround(value);
  // Rounded twice, a number may go the wrong way if its first rounding ends between two floats.
  const isBetween = rounded !== value && Math.fround(value + (value - rounded)) !== rounded
    && Math.fround(2 * value - rounded) === 2 * value - rounded;
  if (isBetween && text.length > 15) throw new Error(`'${text}' lies between two numbers of float32`);
  return value;
}

exports.readNumbers = readNumbers;
exports.writeNumbers = writeNumbers;
exports.writeShortFloat = writeShortFloat;
