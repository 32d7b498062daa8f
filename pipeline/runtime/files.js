// Files in Node.js: models, test vectors and outputs. In a browser, page.js does the same.
'use strict';

const fs = require('fs');
const path = require('path');

// Read model.json, decoded, and its shards end to end.
exports.readModel = (folder) => {
  const content = JSON.parse(fs.readFileSync(path.join(folder, 'model.json'), 'utf8'));
  const shards = content.weightsManifest.flatMap((group) => group.paths)
    .map((name) => ({name, ...openShard(folder, name)}));
  const weightData = new ArrayBuffer(shards.reduce((sum, {size}) => sum + size, 0));
  let offset = 0;
  for (const {name, size, handle} of shards) {
    const target = new Uint8Array(weightData, offset, size);
    for (let done = 0, read; done < size; done += read) {
      read = fs.readSync(handle, target, done, size - done);
      if (!read) throw new Error(`shard '${name}' became shorter while it was read`);
    }
    fs.closeSync(handle);
    offset += size;
  }
  return {content, weightData};
};

function openShard(folder, name) {
  try {
    const handle = fs.openSync(path.join(folder, name));
    return {handle, size: fs.fstatSync(handle).size};
  } catch (error) {
    throw new Error(`shard '${name}' cannot be read (${error.code})`);
  }
}

// Open the folder of vectors.json: its content, and a function that reads bytes of its other file.
exports.openVectors = (folder) => {
  const described = JSON.parse(fs.readFileSync(path.join(folder, 'vectors.json'), 'utf8'));
  const handle = fs.openSync(path.join(folder, described.weightsManifest[0].paths[0]));
  const read = (start, end) => {
    const bytes = new Uint8Array(end - start);
    for (let done = 0, read; done < bytes.length; done += read) {
      read = fs.readSync(handle, bytes, done, bytes.length - done, start + done);
      if (!read) throw new Error('the test vectors end too early');
    }
    return bytes;
  };
  return {described, read, close: () => fs.closeSync(handle)};
};

// Open a file to append bytes to it; `restart` makes it empty.
exports.openFile = (file) => {
  const handle = fs.openSync(file, 'w');
  let offset = 0;
  return {
    append: (bytes) => {
      for (let done = 0, wrote; done < bytes.length; done += wrote) {
        wrote = fs.writeSync(handle, bytes, done, bytes.length - done, offset);
        offset += wrote;
      }
    },
    restart: () => {
      fs.ftruncateSync(handle);
      offset = 0;
    },
    close: () => fs.closeSync(handle),
  };
};
