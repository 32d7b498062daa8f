// Ops on texts that TensorFlow.js lacks, computed as TensorFlow does, on bytes of UTF-8.
//
// `addTextOps(tf)` registers them, so that graph models with them load and run on every backend.
// The loader does it for models that need it, and so does the proof; it is the same code.
// What an op does is written down in tensorflow/core/kernels/; files are named where it is subtle.
// An op that would not be exact throws. No module is imported: the loader holds this file's text.
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
const storedTexts = (tf, tensor) => [...tf.engine().readSync(tensor.dataId)]
  .map((value) => (typeof value === 'string' ? encodeText(value) : value));
const textsOf = (tf, tensor) => storedTexts(tf, tensor).map(unhideBytes);

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

const sizeOf = (shape) => shape.reduce((all, size) => all * size, 1);

// Attributes: TensorFlow.js gives texts in small letters, so they are read from the graph itself.
function textAttribute(node, name, otherwise = '') {
  const raw = node.node.rawAttrs[name]?.s;
  if (raw == null) return otherwise;
  return decodeText(typeof raw === 'string' ? Uint8Array.from(atob(raw), (c) => c.charCodeAt(0))
    : Uint8Array.from(raw));
}
const isTrue = (node, name, otherwise) => node.node.rawAttrs[name]?.b ?? otherwise;

function wholeAttribute(node, name, otherwise) {
  const raw = node.node.rawAttrs[name]?.i;
  return raw == null ? otherwise : Number(raw);
}

const textAt = (tf, tensor) => decodeText(textsOf(tf, tensor)[0]);

// --- Regular expressions: RE2's syntax as JavaScript's ------------------------------------------
const CLASSES = {
  alnum: '0-9A-Za-z', alpha: 'A-Za-z', ascii: '\\x00-\\x7f', blank: '\\t ', cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9', graph: '!-~', lower: 'a-z', print: ' -~', punct: '!-\\/:-@\\[-`\\{-~',
  space: '\\t\\n\\v\\f\\r ', upper: 'A-Z', word: '0-9A-Za-z_', xdigit: '0-9A-Fa-f',
};
const PERL = {d: '0-9', s: '\\t\\n\\f\\r ', w: '0-9A-Za-z_'};
const SYNTAX = /[\^$\\.*+?()[\]{}|/]/;
const literal = (char, inSet) => ((inSet ? /[\^\\\]\-[/]/ : SYNTAX).test(char) ? `\\${char}` : char);

function fail(pattern, part) {
  throw new Error(`the pattern '${pattern}' has '${part}', which is not known to mean the same here`);
}

// An escape of RE2 as one of JavaScript; `rest` begins with the backslash.
function translateEscape(pattern, rest, inSet) {
  const [whole, name] = /^\\x\{([0-9A-Fa-f]{1,6})\}/.exec(rest) ?? [];
  if (whole) return [whole, `\\u{${name}}`];
  const char = String.fromCodePoint(rest.codePointAt(1) ?? fail(pattern, '\\'));
  const lower = char.toLowerCase();
  if ('dsw'.includes(lower)) {
    const set = PERL[lower];
    if (char === lower) return [`\\${char}`, inSet ? set : `[${set}]`];
    if (inSet) fail(pattern, `\\${char}`);
    return [`\\${char}`, `[^${set}]`];
  }
  const hex = /^\\x[0-9A-Fa-f]{2}/.exec(rest);
  if (hex) return [hex[0], hex[0]];
  const category = /^\\[pP](?:\{\^?(?:[CLMNPSZ][a-z]?)\}|[CLMNPSZ])/.exec(rest);
  if (category && !category[0].includes('^')) {
    const short = category[0].length === 3;
    return [category[0], short ? `${category[0].slice(0, 2)}{${category[0][2]}}` : category[0]];
  }
  if ('fnrtv'.includes(char)) return [`\\${char}`, `\\${char}`];
  if (char === 'a') return ['\\a', '\\x07'];
  if (!inSet && (char === 'b' || char === 'B')) return [`\\${char}`, `\\${char}`];
  if (!inSet && char === 'A') return ['\\A', '^'];
  if (!inSet && char === 'z') return ['\\z', '$'];
  if (/[0-9A-Za-z]/.test(char) || char.codePointAt(0) > 127) fail(pattern, `\\${char}`);
  return [`\\${char}`, literal(char, inSet)];
}

function translateSet(pattern, start) {
  let at = start + 1;
  let made = '[';
  if (pattern[at] === '^') { made += '^'; at++; }
  for (let first = true; first || pattern[at] !== ']'; first = false) {
    if (at >= pattern.length) fail(pattern, '[');
    const rest = pattern.slice(at);
    const named = /^\[:(\w+):\]/.exec(rest);
    if (named) {
      made += CLASSES[named[1]] ?? fail(pattern, named[0]);
      at += named[0].length;
    } else if (rest[0] === '\\') {
      const [read, written] = translateEscape(pattern, rest, true);
      made += written;
      at += read.length;
    } else {
      const char = String.fromCodePoint(rest.codePointAt(0));
      // A hyphen between two characters is a range; elsewhere it is itself.
      const isRange = char === '-' && !first && rest[1] !== ']' && !/[\^[]$/.test(made);
      made += isRange ? '-' : literal(char, true);
      at += char.length;
    }
  }
  return [at + 1, `${made}]`];
}

// Flags of RE2 at the beginning of a pattern: i, s and m of "(?ism)".
function readFlags(pattern) {
  const [whole, flags] = /^\(\?([ism]+)\)/.exec(pattern) ?? ['', ''];
  return {flags, start: whole.length};
}

// Return a pattern of RE2 as one of JavaScript with the flag u: "[[:punct:]]" as "[!-\/:-@…]".
// What JavaScript would read otherwise under its own flags s and m is written out.
function translatePattern(pattern) {
  const {flags, start} = readFlags(pattern);
  const dot = flags.includes('s') ? '[^]' : '[^\\n]';
  const ends = flags.includes('m') ? {'^': '(?<![^\\n])', $: '(?![^\\n])'} : {};
  let made = '';
  for (let at = start; at < pattern.length;) {
    const rest = pattern.slice(at);
    const char = String.fromCodePoint(rest.codePointAt(0));
    if (char === '\\') {
      const [read, written] = translateEscape(pattern, rest, false);
      made += written;
      at += read.length;
    } else if (char === '[') {
      const [end, set] = translateSet(pattern, at);
      made += set;
      at = end;
    } else if (rest.startsWith('(?')) {
      const group = /^\(\?(?::|P<\w+>)/.exec(rest) ?? fail(pattern, rest.slice(0, 4));
      made += group[0] === '(?:' ? '(?:' : '(';
      at += group[0].length;
    } else if (char === '{' && !/^\{\d+(?:,\d*)?\}/.test(rest)) {
      made += '\\{';
      at++;
    } else {
      const closes = char === '}' && !/\{\d+(?:,\d*)?$/.test(pattern.slice(0, at));
      const plain = closes || char === ']' || char === '/' ? `\\${char}` : char;
      made += char === '.' ? dot : ends[char] ?? plain;
      at += char.length;
    }
  }
  return made;
}

const patterns = new Map();
function compile(pattern, text) {
  if (!patterns.has(pattern)) {
    if (patterns.size > 500) patterns.clear();
    const caseless = readFlags(pattern).flags.includes('i') ? 'i' : '';
    patterns.set(pattern, new RegExp(translatePattern(pattern), `gu${caseless}`));
  }
  const found = patterns.get(pattern);
  // Without case, JavaScript counts the long s and the sign of Kelvin among the letters of a word.
  if (found.ignoreCase && /\\b/i.test(found.source) && /[\u017f\u212a]/.test(text)) {
    fail(pattern, '\\b');
  }
  return found;
}

// "\0" to "\9" of a rewrite are groups, "\\" is a backslash.
const rewritten = (rewrite, match) => rewrite.replace(/\\([\s\S]?)/g, (whole, char) => {
  if (/\d/.test(char)) return match[Number(char)] ?? '';
  if (char === '\\') return '\\';
  throw new Error(`the rewrite '${rewrite}' has '${whole}'`);
});

// RE2::GlobalReplace (re2/re2.cc): an empty match where the last match ended does not count.
function replaceText(text, pattern, rewrite, everywhere) {
  const regex = compile(pattern, text);
  let made = '';
  let at = 0;
  let lastEnd = -1;
  while (at <= text.length) {
    regex.lastIndex = at;
    const match = regex.exec(text);
    if (!match) break;
    const end = match.index + match[0].length;
    made += text.slice(at, match.index);
    if (match.index === lastEnd && match[0] === '') {
      const char = match.index < text.length ? String.fromCodePoint(text.codePointAt(match.index)) : '';
      made += char;
      at = match.index + Math.max(char.length, 1);
      continue;
    }
    made += rewritten(rewrite, match);
    at = lastEnd = end;
    if (!everywhere) break;
  }
  return made + text.slice(at);
}

function isFullMatch(text, pattern) {
  const {flags} = compile(pattern, text);
  return new RegExp(`^(?:${translatePattern(pattern)})$`, flags.replace('g', '')).test(text);
}

// --- Parts of texts ------------------------------------------------------------------------------
// str_util / string_split_op.cc (StringSplitV2): white space, or a separator of any length.
function splitBytes(text, separator, most) {
  const parts = [];
  const cut = (start, end) => parts.push(text.subarray(start, end));
  let at = 0;
  if (!separator.length) {
    for (;;) {
      while (at < text.length && isSpace(text[at])) at++;
      if (at >= text.length) return parts;
      if (most >= 0 && parts.length === most) return cut(at, text.length), parts;
      const start = at;
      while (at < text.length && !isSpace(text[at])) at++;
      cut(start, at);
    }
  }
  const matches = (place) => separator.every((byte, i) => text[place + i] === byte);
  let start = 0;
  while (at + separator.length <= text.length && !(most >= 0 && parts.length === most)) {
    if (matches(at)) {
      cut(start, at);
      at += separator.length;
      start = at;
    } else at++;
  }
  cut(start, text.length);
  return parts;
}

// string_split_op.cc (StringSplit): each byte of the delimiter separates.
function splitAtBytes(text, delimiters, skipEmpty) {
  if (!delimiters.length) return Array.from(text, hideByte);
  const parts = [];
  let start = 0;
  for (let at = 0; at <= text.length; at++) {
    if (at < text.length && !delimiters.includes(text[at])) continue;
    if (at > start || !skipEmpty) parts.push(text.subarray(start, at));
    start = at + 1;
  }
  return parts;
}

function splitAll(tf, texts, split) {
  const parts = texts.map(split);
  const indices = parts.flatMap((some, row) => some.flatMap((_, column) => [row, column]));
  const values = parts.flat();
  const most = parts.reduce((longest, some) => Math.max(longest, some.length), 0);
  return [tf.tensor2d(indices, [values.length, 2], 'int32'), textTensor(tf, values, [values.length]),
    tf.tensor1d([texts.length, most], 'int32')];
}

const textTensor = (tf, values, shape) => tf.tensor(values, shape, 'string');

// The code points of a text, each with the byte at which it starts.
function listCodes(bytes) {
  let at = 0;
  return [...decodeText(bytes)].map((char) => {
    const code = char.codePointAt(0);
    const found = {code, at};
    at += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    return found;
  });
}

// unicode_ops.cc: the control characters that are replaced, tab and line feed among them.
const isControl = (code) => code < 32;

function requireUtf8(node, ...names) {
  for (const name of names) {
    const encoding = textAttribute(node, name, 'UTF-8');
    if (encoding !== 'UTF-8') throw new Error(`${node.node.op} of ${encoding}; expected UTF-8`);
  }
}

function decodeUnicode(tf, node, withOffsets) {
  requireUtf8(node, 'input_encoding');
  const replaces = isTrue(node, 'replace_control_characters', false);
  const replacement = wholeAttribute(node, 'replacement_char', 0xfffd);
  const lists = textsOf(tf, node.inputs[0]).map(listCodes);
  const splits = [0];
  for (const list of lists) splits.push(splits.at(-1) + list.length);
  const codes = lists.flat();
  const values = codes.map(({code}) => (replaces && isControl(code) ? replacement : code));
  const made = [tf.tensor1d(splits, 'int32'), tf.tensor1d(values, 'int32')];
  return withOffsets ? [...made, tf.tensor1d(codes.map(({at}) => at), 'int32')] : made;
}

function encodeUnicode(tf, node) {
  requireUtf8(node, 'output_encoding');
  const [values, splits] = node.inputs.map((tensor) => tensor.dataSync());
  const replacement = wholeAttribute(node, 'replacement_char', 0xfffd);
  const errors = textAttribute(node, 'errors', 'replace');
  const encode = (code) => {
    if (code >= 0 && code < 0x110000 && !(code >= 0xd800 && code < 0xe000)) {
      return String.fromCodePoint(code);
    }
    if (errors === 'strict') throw new Error(`${code} is no character`);
    return errors === 'ignore' ? '' : String.fromCodePoint(replacement);
  };
  const texts = Array.from({length: splits.length - 1}, (_, i) =>
    encodeText(Array.from(values.slice(splits[i], splits[i + 1]), encode).join('')));
  return textTensor(tf, texts, [texts.length]);
}

// Equal and NotEqual of texts whose shapes broadcast.
function compareTexts(tf, node, wanted) {
  const sides = node.inputs.map((tensor) => ({shape: tensor.shape, texts: textsOf(tf, tensor)}));
  const shape = tf.backend_util.assertAndGetBroadcastShape(sides[0].shape, sides[1].shape);
  const [left, right] = sides.map((side) => placesIn(side.shape, shape).map((place) => side.texts[place]));
  const same = (one, other) => one.length === other.length && one.every((byte, i) => byte === other[i]);
  return tf.tensor(left.map((text, i) => same(text, right[i]) === wanted), shape, 'bool');
}

// For each element of a shape, its place in an array that broadcasts to it: [2, 1] to [2, 2] as 0, 0, 1, 1.
function placesIn(own, shape) {
  return shape.reduce((places, size, axis) => {
    const ownSize = own[axis - shape.length + own.length] ?? 1;
    return places.flatMap((place) => Array.from({length: size}, (_, i) => place * ownSize + (ownSize > 1 ? i : 0)));
  }, [0]);
}

// Gather of texts, along any axis.
function gatherTexts(tf, node) {
  const [tensor, indices, axes] = node.inputs;
  const {shape} = tensor;
  if (wholeAttribute(node, 'batch_dims', 0) !== 0) throw new Error('texts are gathered by batches');
  const axis = ((axes?.dataSync()[0] ?? 0) + shape.length) % shape.length;
  const [before, after] = [shape.slice(0, axis), shape.slice(axis + 1)];
  const width = sizeOf(after);
  const texts = storedTexts(tf, tensor);
  const take = (row, index) => {
    if (index < 0 || index >= shape[axis]) throw new Error(`index ${index} is not in [0, ${shape[axis]})`);
    const start = (row * shape[axis] + index) * width;
    return texts.slice(start, start + width);
  };
  const places = Array.from(indices.dataSync());
  const gathered = Array.from({length: sizeOf(before)}, (_, row) => places.flatMap((index) => take(row, index)));
  return textTensor(tf, gathered.flat(), [...before, ...indices.shape, ...after]);
}

// GatherNd of texts.
function gatherTextsAt(tf, node) {
  const [tensor, indices] = node.inputs;
  const depth = indices.shape.at(-1);
  const [outer, inner, rows] = [tensor.shape.slice(0, depth), tensor.shape.slice(depth), indices.shape.slice(0, -1)];
  const [texts, places, width] = [storedTexts(tf, tensor), indices.dataSync(), sizeOf(inner)];
  const gathered = Array.from({length: sizeOf(rows)}, (_, row) => {
    const start = width * outer.reduce((place, size, axis) => {
      const index = places[row * depth + axis];
      if (index < 0 || index >= size) throw new Error(`index ${index} is not in [0, ${size})`);
      return place * size + index;
    }, 0);
    return texts.slice(start, start + width);
  });
  return textTensor(tf, gathered.flat(), [...rows, ...inner]);
}

// Positions and lengths in bytes or characters (substr_op.cc); a negative position counts from the
// end. One position for all texts, or one for each.
function takeParts(tf, node) {
  const [texts, places, lengths] = node.inputs;
  const [from, sizes] = [places.dataSync(), lengths.dataSync()];
  if (from.length !== 1 && String(places.shape) !== String(texts.shape)) {
    throw new Error('Substr with positions of another shape than the texts');
  }
  const byChar = textAttribute(node, 'unit', 'BYTE') === 'UTF8_CHAR';
  const taken = textsOf(tf, texts).map((bytes, i) => {
    const units = byChar ? [...decodeText(bytes)] : bytes;
    const stated = from[from.length === 1 ? 0 : i];
    const start = stated < 0 ? stated + units.length : stated;
    if (start < 0 || start > units.length) {
      throw new Error(`pos ${stated} out of range for a text of ${units.length}`);
    }
    const part = units.slice(start, start + sizes[sizes.length === 1 ? 0 : i]);
    return byChar ? encodeText(part.join('')) : part;
  });
  return textTensor(tf, taken, texts.shape);
}

function joinTexts(tf, node) {
  const separator = textAttribute(node, 'separator');
  const shape = node.inputs.find((tensor) => tensor.shape.length)?.shape ?? [];
  const parts = node.inputs.map((tensor) => ({texts: textsOf(tf, tensor), one: !tensor.shape.length}));
  const join = (_, i) => joinBytes(parts.map(({texts, one}) => texts[one ? 0 : i]), separator);
  return textTensor(tf, Array.from({length: sizeOf(shape)}, join), shape);
}

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

// reduce_join_op.cc, over the last axis or all.
function reduceJoin(tf, node) {
  const [tensor, axes] = node.inputs;
  const {shape} = tensor;
  const over = [...axes.dataSync()].map((axis) => (axis < 0 ? axis + shape.length : axis));
  const kept = shape.map((size, axis) => (over.includes(axis) ? 1 : size));
  if (String(over) !== String(shape.map((_, axis) => axis).slice(shape.length - over.length))) {
    throw new Error('ReduceJoin over other axes than the last');
  }
  const separator = textAttribute(node, 'separator');
  const width = sizeOf(shape.slice(shape.length - over.length));
  const texts = textsOf(tf, tensor);
  const joined = Array.from({length: sizeOf(kept)}, (_, i) =>
    joinBytes(texts.slice(i * width, (i + 1) * width), separator));
  const left = isTrue(node, 'keep_dims', false) ? kept : shape.slice(0, shape.length - over.length);
  return textTensor(tf, joined, left);
}

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

// --- Hashes --------------------------------------------------------------------------------------
const MASK = (1n << 64n) - 1n;
const rotate = (value, bits) => ((value << bits) | (value >> (64n - bits))) & MASK;

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
    let word = 0n;
    for (let i = Math.min(7, bytes.length - at - 1); i >= 0; i--) word = (word << 8n) | BigInt(bytes[at + i]);
    if (at + 8 > bytes.length) word |= BigInt(bytes.length & 255) << 56n;
    d ^= word;
    mix(2);
    a ^= word;
  }
  c ^= 255n;
  mix(4);
  return a ^ b ^ c ^ d;
}

function hashTexts(tf, node, hash) {
  const [tensor] = node.inputs;
  const buckets = BigInt(node.node.rawAttrs.num_buckets.i);
  const values = textsOf(tf, tensor).map((bytes) => Number(hash(bytes) % buckets));
  return tf.tensor(values, tensor.shape, 'int32');
}

const fingerprint = (tf, bytes) => BigInt(tf.util.fingerPrint64(bytes).toUnsigned().toString());

// --- The ops -------------------------------------------------------------------------------------
function mapTexts(tf, node, change) {
  const [tensor] = node.inputs;
  return textTensor(tf, textsOf(tf, tensor).map(change), tensor.shape);
}

// Letters of ASCII alone, or those of Unicode with `encoding`.
function changeCase(tf, node, ascii, unicode) {
  const inUnicode = textAttribute(node, 'encoding') !== '';
  return mapTexts(tf, node, (bytes) => (inUnicode ? encodeText(unicode(decodeText(bytes))) : bytes.map(ascii)));
}

const trim = (bytes) => {
  let [start, end] = [0, bytes.length];
  while (start < end && isSpace(bytes[start])) start++;
  while (end > start && isSpace(bytes[end - 1])) end--;
  return bytes.subarray(start, end);
};

const replaceAll = (tf, node, pattern, rewrite) => mapTexts(tf, node, (bytes) =>
  encodeText(replaceText(decodeText(bytes), pattern, rewrite, isTrue(node, 'replace_global', true))));

const matchAll = (tf, node, pattern) => tf.tensor(
  textsOf(tf, node.inputs[0]).map((bytes) => isFullMatch(decodeText(bytes), pattern)), node.inputs[0].shape, 'bool');

const TEXT_OPS = {
  AsString: writeNumbers,
  ReduceJoin: reduceJoin,
  RegexFullMatch: (tf, node) => matchAll(tf, node, textAt(tf, node.inputs[1])),
  RegexReplace: (tf, node) => replaceAll(tf, node, textAt(tf, node.inputs[1]), textAt(tf, node.inputs[2])),
  StaticRegexFullMatch: (tf, node) => matchAll(tf, node, textAttribute(node, 'pattern')),
  StaticRegexReplace: (tf, node) => replaceAll(
    tf, node, textAttribute(node, 'pattern'), textAttribute(node, 'rewrite')),
  StringJoin: joinTexts,
  StringLength: (tf, node) => {
    const byChar = textAttribute(node, 'unit', 'BYTE') === 'UTF8_CHAR';
    const lengths = textsOf(tf, node.inputs[0]).map((bytes) => (byChar ? [...decodeText(bytes)] : bytes).length);
    return tf.tensor(lengths, node.inputs[0].shape, 'int32');
  },
  StringLower: (tf, node) => changeCase(
    tf, node, (byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte), (text) => text.toLowerCase()),
  StringSplit: (tf, node) => {
    const delimiters = textsOf(tf, node.inputs[1])[0];
    return splitAll(tf, textsOf(tf, node.inputs[0]),
      (text) => splitAtBytes(text, delimiters, isTrue(node, 'skip_empty', true)));
  },
  StringSplitV2: (tf, node) => {
    const separator = textsOf(tf, node.inputs[1])[0];
    return splitAll(tf, textsOf(tf, node.inputs[0]),
      (text) => splitBytes(text, separator, wholeAttribute(node, 'maxsplit', -1)));
  },
  StringStrip: (tf, node) => mapTexts(tf, node, trim),
  StringToHashBucketFast: (tf, node) => hashTexts(tf, node, (bytes) => fingerprint(tf, bytes)),
  StringToHashBucketStrong: (tf, node) => {
    const key = node.node.rawAttrs.key.list.i.map((part) => BigInt.asUintN(64, BigInt(part)));
    return hashTexts(tf, node, (bytes) => sipHash(bytes, key));
  },
  StringToNumber: readNumbers,
  StringUpper: (tf, node) => changeCase(
    tf, node, (byte) => (byte >= 97 && byte <= 122 ? byte - 32 : byte), (text) => text.toUpperCase()),
  Substr: takeParts,
  TextEqual: (tf, node) => compareTexts(tf, node, true),
  TextGather: gatherTexts,
  TextGatherNd: gatherTextsAt,
  TextNotEqual: (tf, node) => compareTexts(tf, node, false),
  UnicodeDecode: (tf, node) => decodeUnicode(tf, node, false),
  UnicodeDecodeWithOffsets: (tf, node) => decodeUnicode(tf, node, true),
  UnicodeEncode: encodeUnicode,
  UnicodeTranscode: (tf, node) => {
    requireUtf8(node, 'input_encoding', 'output_encoding');
    const replaces = isTrue(node, 'replace_control_characters', false);
    const replacement = String.fromCodePoint(wholeAttribute(node, 'replacement_char', 0xfffd));
    return mapTexts(tf, node, (bytes) => encodeText(Array.from(decodeText(bytes),
      (char) => (replaces && isControl(char.codePointAt(0)) ? replacement : char)).join('')));
  },
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
