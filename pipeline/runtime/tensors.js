// Tensors in files: the inputs of test vectors, and outputs. Values are little-endian, as on every
// machine that Node.js runs on; a string is its length in 4 bytes, then its bytes.
'use strict';

const fs = require('fs');
const path = require('path');

const TYPES = {bool: Uint8Array, complex64: Float32Array, float32: Float32Array, int32: Int32Array};
const VALUES = {complex64: 2};

const count = (shape) => shape.reduce((product, size) => product * size, 1);

function readBytes(handle, start, end) {
  const bytes = Buffer.alloc(end - start);
  for (let done = 0, read; done < bytes.length; done += read) {
    read = fs.readSync(handle, bytes, done, bytes.length - done, start + done);
    if (!read) throw new Error('the test vectors end too early');
  }
  return bytes;
}

// The position of each tensor of a weight manifest in its file, by name.
function locate(specs, handle) {
  const places = new Map();
  let offset = 0;
  for (const spec of specs) {
    let end = offset;
    if (spec.dtype === 'string') {
      for (let i = count(spec.shape); i > 0; i--) {
        end += 4 + readBytes(handle, end, end + 4).readUInt32LE();
      }
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
    strings.push(new Uint8Array(bytes.subarray(at + 4, at + 4 + bytes.readUInt32LE(at))));
  }
  return strings;
}

function makeTensor(tf, {spec, start, end}, handle) {
  const bytes = readBytes(handle, start, end);
  if (spec.dtype === 'string') return tf.tensor(splitStrings(bytes), spec.shape, 'string');
  const aligned = new Uint8Array(bytes).buffer;
  const values = new TYPES[spec.dtype](aligned);
  if (spec.dtype !== 'complex64') return tf.tensor(values, spec.shape, spec.dtype);
  const part = (offset) => tf.tensor(values.filter((_, i) => i % 2 === offset), spec.shape);
  return tf.complex(part(0), part(1));
}

// Open the folder of vectors.json; `read` makes the inputs of one vector, by name.
exports.readVectors = (folder) => {
  const described = JSON.parse(fs.readFileSync(path.join(folder, 'vectors.json'), 'utf8'));
  const [group] = described.weightsManifest;
  const [file] = group.paths;
  const handle = fs.openSync(path.join(folder, file));
  const places = locate(group.weights, handle);
  return {
    list: described.vectors,
    random: new Set(Object.keys(described.random || {})),
    read: (tf, vector) => Object.fromEntries(Object.entries(vector.inputs)
      .map(([name, place]) => [name, makeTensor(tf, places.get(place), handle)])),
  };
};

// Open a file for outputs; `write` appends an output and returns its position.
exports.openOutputs = (file) => {
  const handle = fs.openSync(file, 'w');
  let offset = 0;
  const append = (bytes) => {
    for (let done = 0; done < bytes.length;) {
      done += fs.writeSync(handle, bytes, done, bytes.length - done, offset + done);
    }
    offset += bytes.length;
  };
  return {
    write: ({name, shape, dtype, values}) => {
      const start = offset;
      if (dtype === 'string') {
        for (const value of values) {
          const length = Buffer.alloc(4);
          length.writeUInt32LE(value.length);
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
      fs.ftruncateSync(handle);
      offset = 0;
    },
    close: () => fs.closeSync(handle),
  };
};
