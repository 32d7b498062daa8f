// Tensors as bytes: the inputs of test vectors, and outputs. Values are little-endian, as on every
// machine that runs this; a string is its length in 4 bytes, then its bytes.
'use strict';

const {openFile, openVectors} = require('./files.js');

const TYPES = {bool: Uint8Array, complex64: Float32Array, float32: Float32Array, int32: Int32Array};
const VALUES = {complex64: 2};

const count = (shape) => shape.reduce((product, size) => product * size, 1);
const readLength = (bytes, at) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);

// The position of each tensor of a weight manifest in its file, by name.
function locate(specs, read) {
  const places = new Map();
  let offset = 0;
  for (const spec of specs) {
    let end = offset;
    if (spec.dtype === 'string') {
      for (let i = count(spec.shape); i > 0; i--) end += 4 + readLength(read(end, end + 4), 0);
    } else {
      const size = TYPES[spec.dtype].BYTES_PER_ELEMENT * (VALUES[spec.dtype] || 1);
      end += size * count(spec.shape);
    }
    places.set(spec.name, {spec, start: offset, end});
    offset = end;
  }
  return places;
}

function splitStrings(bytes) {
  const strings = [];
  for (let at = 0; at < bytes.length; at += 4 + strings.at(-1).length) {
    strings.push(bytes.slice(at + 4, at + 4 + readLength(bytes, at)));
  }
  return strings;
}

function makeTensor(tf, {spec, start, end}, read) {
  const bytes = read(start, end);
  if (spec.dtype === 'string') return tf.tensor(splitStrings(bytes), spec.shape, 'string');
  const aligned = new Uint8Array(bytes).buffer;
  const values = new TYPES[spec.dtype](aligned);
  if (spec.dtype !== 'complex64') return tf.tensor(values, spec.shape, spec.dtype);
  const part = (offset) => tf.tensor(values.filter((_, i) => i % 2 === offset), spec.shape);
  return tf.complex(part(0), part(1));
}

// Open the folder of vectors.json; `read` makes the inputs of one vector, by name.
exports.readVectors = (folder) => {
  const {described, read, close} = openVectors(folder);
  const places = locate(described.weightsManifest[0].weights, read);
  return {
    close,
    list: described.vectors,
    random: new Set(Object.keys(described.random || {})),
    read: (tf, vector) => Object.fromEntries(Object.entries(vector.inputs)
      .map(([name, place]) => [name, makeTensor(tf, places.get(place), read)])),
  };
};

// Open a file for outputs; `write` appends an output and returns its position.
exports.openOutputs = (name) => {
  const file = openFile(name);
  let offset = 0;
  const append = (bytes) => {
    file.append(bytes);
    offset += bytes.length;
  };
  return {
    write: ({name, shape, dtype, values}) => {
      const start = offset;
      if (dtype === 'string') {
        for (const value of values) {
          const length = new Uint8Array(4);
          new DataView(length.buffer).setUint32(0, value.length, true);
          append(length);
          append(value);
        }
      } else {
        // The cpu backend may keep an int32 array behind a float32 tensor.
        const typed = values instanceof TYPES[dtype] ? values : new TYPES[dtype](values);
        append(new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength));
      }
      return {name, shape, dtype, offset: start, bytes: offset - start};
    },
    restart: () => {
      file.restart();
      offset = 0;
    },
    close: () => file.close(),
  };
};
