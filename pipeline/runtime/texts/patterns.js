// Regular expressions: RE2's syntax as JavaScript's.
'use strict';

const {decodeText, encodeText} = require('./bytes.js');
const {isTrue, mapTexts, textsOf} = require('./nodes.js');

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

const replaceAll = (tf, node, pattern, rewrite) => mapTexts(tf, node, (bytes) =>
  encodeText(replaceText(decodeText(bytes), pattern, rewrite, isTrue(node, 'replace_global', true))));

const matchAll = (tf, node, pattern) => tf.tensor(
  textsOf(tf, node.inputs[0]).map((bytes) => isFullMatch(decodeText(bytes), pattern)), node.inputs[0].shape, 'bool');

exports.matchAll = matchAll;
exports.replaceAll = replaceAll;
