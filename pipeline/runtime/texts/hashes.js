// Hashes of texts, as numbers of buckets.
'use strict';

const {textsOf} = require('./nodes.js');

const MASK = (1n << 64n) - 1n;
const rotate = (value, bits) => ((value << bits) | (value >> (64n - bits))) & MASK;

// Up to eight bytes from a place on, the first the lowest.
function readWord(bytes, at) {
  let word = 0n;
  for (let i = Math.min(7, bytes.length - at - 1); i >= 0; i--) word = (word << 8n) | BigInt(bytes[at + i]);
  return word;
}

// SipHash-2-4 (https://cr.yp.to/siphash/siphash-20120918.pdf), TensorFlow's StrongKeyedHash.
function sipHash(bytes, [first, second]) {
  let [a, b, c, d] = [0x736f6d6570736575n ^ first, 0x646f72616e646f6dn ^ second,
    0x6c7967656e657261n ^ first, 0x7465646279746573n ^ second];
  const mix = (rounds) => {
    for (let i = 0; i < rounds; i++) {
      a = (a + b) & MASK; b = rotate(b, 13n) ^ a; a = rotate(a, 32n);
      c = (c + d) & MASK; d = rotate(d, 16n) ^ c;
      a = (a + d) & MASK; d = rotate(d, 21n) ^ a;
      c = (c + b) & MASK; b = rotate(b, 17n) ^ c; c = rotate(c, 32n);
    }
  };
  for (let at = 0; at <= bytes.length; at += 8) {
    let word = readWord(bytes, at);
    if (at + 8 > bytes.length) word |= BigInt(bytes.length & 255) << 56n;
    d ^= word;
    mix(2);
    a ^= word;
  }
  c ^= 255n;
  mix(4);
  return a ^ b ^ c ^ d;
}

// MurmurHash64A as TensorFlow's Hash64 (tsl/platform/hash.cc), of the same bytes on every machine.
const FACTOR = 0xc6a4a7935bd1e995n;
const SEED = 0xdecafcaffen;

function murmurHash(bytes) {
  const multiply = (value) => (value * FACTOR) & MASK;
  const mix = (value) => multiply(value ^ (value >> 47n));
  const whole = bytes.length - (bytes.length % 8);
  let hash = SEED ^ multiply(BigInt(bytes.length));
  for (let at = 0; at < whole; at += 8) hash = multiply(hash ^ mix(multiply(readWord(bytes, at))));
  if (whole < bytes.length) hash = multiply(hash ^ readWord(bytes, whole));
  hash = mix(hash);
  return hash ^ (hash >> 47n);
}

function hashTexts(tf, node, hash) {
  const [tensor] = node.inputs;
  const buckets = BigInt(node.node.rawAttrs.num_buckets.i);
  if (buckets > 2n ** 31n) throw new Error(`${node.node.op} into ${buckets} buckets, more than int32 numbers`);
  const values = textsOf(tf, tensor).map((bytes) => Number(hash(bytes) % buckets));
  return tf.tensor(values, tensor.shape, 'int32');
}

const hashLegacy = (tf, node) => hashTexts(tf, node, murmurHash);

const hashFast = (tf, node) => hashTexts(
  tf, node, (bytes) => BigInt(tf.util.fingerPrint64(bytes).toUnsigned().toString()));

function hashStrong(tf, node) {
  const key = node.node.rawAttrs.key.list.i.map((part) => BigInt.asUintN(64, BigInt(part)));
  return hashTexts(tf, node, (bytes) => sipHash(bytes, key));
}

exports.hashFast = hashFast;
exports.hashLegacy = hashLegacy;
exports.hashStrong = hashStrong;
