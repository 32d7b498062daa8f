// Ops on texts that TensorFlow.js lacks, computed as TensorFlow does, on bytes of UTF-8.
//
// `addTextOps(tf)` registers them, so that graph models with them load and run on every backend.
// The loader does it for models that need it, and so does the proof; it is the same code.
// What an op does is written down in tensorflow/core/kernels/; files are named where it is subtle.
// An op that would not be exact throws. These modules use no other: the loader holds their texts.
'use strict';

const {decodeTexts, encodeTexts} = require('./base64.js');
const {trim} = require('./bytes.js');
const {compareTexts, gatherTexts, gatherTextsAt} = require('./elements.js');
const {hashFast, hashLegacy, hashStrong} = require('./hashes.js');
const {joinSegments, joinTexts, reduceJoin} = require('./joins.js');
const {mapTexts, textAt, textAttribute} = require('./nodes.js');
const {readNumbers, writeNumbers} = require('./numbers.js');
const {matchAll, replaceAll} = require('./patterns.js');
const {findScripts} = require('./scripts.js');
const {splitTexts, splitTextsV2, takeParts} = require('./splits.js');
const {formatTensors} = require('./summaries.js');
const {
  decodeUnicode, encodeUnicode, lowerTexts, measureTexts, transcodeUnicode, upperTexts,
} = require('./unicode.js');

const TEXT_OPS = {
  AsString: writeNumbers,
  DecodeBase64: decodeTexts,
  EncodeBase64: encodeTexts,
  ReduceJoin: reduceJoin,
  RegexFullMatch: (tf, node) => matchAll(tf, node, textAt(tf, node.inputs[1])),
  RegexReplace: (tf, node) => replaceAll(tf, node, textAt(tf, node.inputs[1]), textAt(tf, node.inputs[2])),
  StaticRegexFullMatch: (tf, node) => matchAll(tf, node, textAttribute(node, 'pattern')),
  StaticRegexReplace: (tf, node) => replaceAll(
    tf, node, textAttribute(node, 'pattern'), textAttribute(node, 'rewrite')),
  StringFormat: formatTensors,
  StringJoin: joinTexts,
  StringLength: measureTexts,
  StringLower: lowerTexts,
  StringSplit: splitTexts,
  StringSplitV2: splitTextsV2,
  StringStrip: (tf, node) => mapTexts(tf, node, trim),
  StringToHashBucket: hashLegacy,
  StringToHashBucketFast: hashFast,
  StringToHashBucketStrong: hashStrong,
  StringToNumber: readNumbers,
  StringUpper: upperTexts,
  Substr: takeParts,
  TextEqual: (tf, node) => compareTexts(tf, node, true),
  TextGather: gatherTexts,
  TextGatherNd: gatherTextsAt,
  TextNotEqual: (tf, node) => compareTexts(tf, node, false),
  UnicodeDecode: (tf, node) => decodeUnicode(tf, node, false),
  UnicodeDecodeWithOffsets: (tf, node) => decodeUnicode(tf, node, true),
  UnicodeEncode: encodeUnicode,
  UnicodeScript: findScripts,
  UnicodeTranscode: transcodeUnicode,
  UnsortedSegmentJoin: joinSegments,
};

// Ops that TensorFlow.js has, on the cpu backend: addTextOps() brings them to the others.
const ITS_OWN = ['StaticRegexReplace', 'StringSplit', 'StringToHashBucketFast'];

// The ops of a model.json that addTextOps() brings, sorted; without `all` those that TensorFlow.js
// lacks on every backend.
function findTextOps(artifacts, {all = false} = {}) {
  const {node = [], library} = artifacts.modelTopology ?? {};
  const bodies = (library?.function ?? []).flatMap(({nodeDef = []}) => nodeDef);
  const ops = new Set([...node, ...bodies].map(({op}) => op));
  return Object.keys(TEXT_OPS).filter((op) => ops.has(op) && (all || !ITS_OWN.includes(op)));
}

// Register the ops with a TensorFlow.js, for all models that are loaded from now on.
function addTextOps(tf) {
  for (const [name, compute] of Object.entries(TEXT_OPS)) {
    tf.registerOp(name, (node) => compute(tf, node));
  }
}

// Give TensorFlow.js its own ops back.
function removeTextOps(tf) {
  Object.keys(TEXT_OPS).forEach((name) => tf.deregisterOp(name));
}

exports.addTextOps = addTextOps;
exports.findTextOps = findTextOps;
exports.removeTextOps = removeTextOps;
