// Test vectors as they are published: inputs, and what the source returned for them. The layout is
// that of a TensorFlow.js weight manifest: little-endian, row-major, strings length-prefixed.
import {ZooError} from './errors.js';
import {count} from './shapes.js';

const TYPES = {bool: Uint8Array, complex64: Float32Array, float32: Float32Array, int32: Int32Array};
const VALUES = {complex64: 2};
const LENGTH_BYTES = 4;

// Read vectors.json and vectors.bin. Returns {vectors: [{inputs, outputs, kind, group}], random,
// constant}; inputs and outputs are {shape, dtype, values} by name, strings as bytes.
export function readVectors(jsonBytes, bytes) {
  const described = JSON.parse(new TextDecoder().decode(jsonBytes));
  const stored = readManifest(described.weightsManifest.flatMap((group) => group.weights), bytes);
  const side = (keys) => Object.fromEntries(Object.entries(keys)
    .map(([name, key]) => [name, stored.get(key)]));
  return {
    vectors: described.vectors.map(({inputs, outputs, kind, group}) =>
      ({inputs: side(inputs), outputs: side(outputs), kind, group})),
    random: described.random ?? {},
    constant: described.constant ?? {},
  };
}

function readManifest(specs, bytes) {
  const stored = new Map();
  let offset = 0;
  for (const {name, shape, dtype} of specs) {
    const read = dtype === 'string' ? readStrings : readNumbers;
    const {values, end} = read(bytes, offset, count(shape), dtype);
    stored.set(name, {shape, dtype, values});
    offset = end;
  }
  if (offset !== bytes.length) {
    throw new ZooError('catalog', `vectors.bin has ${bytes.length} bytes; vectors.json lists `
      + `${offset}`);
  }
  return stored;
}

function readNumbers(bytes, start, number, dtype) {
  const Type = TYPES[dtype];
  const end = start + number * Type.BYTES_PER_ELEMENT * (VALUES[dtype] ?? 1);
  return {values: new Type(bytes.slice(start, end).buffer), end};
}

function readStrings(bytes, start, number) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = [];
  let end = start;
  while (values.length < number) {
    const from = end + LENGTH_BYTES;
    end = from + view.getUint32(end, true);
    values.push(bytes.slice(from, end));
  }
  return {values, end};
}

// Make a tensor of what was read.
export function makeStored(tf, {shape, dtype, values}) {
  if (dtype !== 'complex64') return tf.tensor(values, shape, dtype);
  return tf.tidy(() => {
    const part = (offset) => tf.tensor(values.filter((_, i) => i % 2 === offset), shape);
    return tf.complex(part(0), part(1));
  });
}

// Bring a tensor here in the same form, which is when the backend has really computed it.
export async function readTensor(tensor) {
  const {shape, dtype} = tensor;
  const values = dtype === 'string' ? await tensor.bytes() : await tensor.data();
  return {shape, dtype, values};
}
