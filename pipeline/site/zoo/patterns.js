// Patterns, bytes and errors that all parts of a tokenizer use.
import {ZooError} from './errors.js';

export const refuseTokenizer = (reason) => new ZooError('result', `the tokenizer cannot be used: ${reason}`);

// The library knows the classes of characters as of Unicode 8: what is younger, in these ranges in base
// 36, is neither a mark nor punctuation nor a format to it.
const YOUNG = `17h 1kt 1ow-1r6 1z1-1z2 22e 262-267 28l 2dg-2f0 2gn 2h0 2k3-2kg 2m3-2m4 2o1 2wq 2xa 4fh 4k5
  4l0 4r3-4ue 5a7-5am 5e6-5e7 5fh-5fj 5pu-5pv 5pz 5x2-5x7 94z-95p x7w xc5 xdr xj1 1fpl-1fqc 1h5w-1hmx
  1htc-1htg 1hvm-1hvx 1hz9-1hza 1i2x 1i32-1i33 1i66-1i69 1id7 1if7-1ihu 1ik8-1ikf 1iki-1ikk 1ikm-1ila
  1izk-1izw 1j21 1j4u 1jcc-1k2p 1k4w-1k59 1k5b-1k87 1k8a-1k8g 1k8i-1k8j 1k8l-1kvz 1o1d-1o1e 1ovk-1owl
  1xr2-1xrj 206g-20jz 20lb-20lj 20o2-20oh 2jgg-2jie 2mtc-2ne7 2nsc-2nzz 2on8-2onz`;
// Marks among these that its StripAccents knows.
const MARKS = `1qs-1r5 4l0 4ud-4ue 5pu 5pv 5x7 xc5 xj1 1i66 1ik8-1ikf 1iki-1ikk 1ikm 1j4u 1k4w-1k59
  1k5b-1k87 1k8a-1k8g 1k8i-1k8j 1k8l-1k8m 2mtc-2mui 2on8-2one`;
const toClass = (ranges) => `[${ranges.split(/\s+/).map((range) => range.split('-')
  .map((code) => `\\u{${parseInt(code, 36).toString(16)}}`).join('-')).join('')}]`;

// Return the pattern of characters of some classes, as the library knows them.
export const matchClasses = (classes) => new RegExp(`(?!${toClass(YOUNG)})(?:${classes})`, 'gu');
export const matchMarks = () => new RegExp(`(?:(?!${toClass(YOUNG)})|(?=${toClass(MARKS)}))\\p{M}`, 'gu');

const decoder = new TextDecoder();
const encoder = new TextEncoder();
export const toText = (bytes) => decoder.decode(bytes);

// A letter for each byte, as GPT-2 has them: printable ones stand for themselves.
const LETTERS = (() => {
  const plain = (byte) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  let other = 256;
  return Array.from({length: 256}, (_, byte) => String.fromCharCode(plain(byte) ? byte : other++));
})();
export const toByteLetters = (text) => Array.from(encoder.encode(text), (byte) => LETTERS[byte]).join('');
// Names of the bytes of a text as tokens: "<0xE4>".
export const nameBytes = (text) => Array.from(encoder.encode(text), (byte) =>
  `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);

// Make the pattern {String} or {Regex} of tokenizer.json a RegExp that finds all matches.
export function toPattern(pattern) {
  const {String: plain, Regex: regex} = pattern;
  if (plain !== undefined) return new RegExp(plain.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'), 'gu');
  try {
    return new RegExp(translate(regex), 'gu');
  } catch (error) {
    throw refuseTokenizer(`its pattern ${regex} is not understood here: ${error.message}`);
  }
}

// From Oniguruma's syntax: classes are those of Unicode, and (?i:…) has both cases of its letters.
function translate(regex) {
  const SYNTAX = /[\\^$.*+?()[\]{}|/-]/;
  let [made, inClass, depth, repeated] = ['', false, 0, false];
  const ignoring = []; // depths of groups that ignore case
  for (let at = 0; at < regex.length; at++) {
    const letter = regex[at];
    if (letter === '\\') {
      const next = regex[++at];
      made += {s: '\\p{White_Space}', S: '\\P{White_Space}', d: '\\p{Nd}', D: '\\P{Nd}'}[next]
        ?? (next === 'w' ? word(inClass) : /[a-zA-Z0-9]/.test(next) || SYNTAX.test(next) ? `\\${next}` : next);
      if (/[WhHRXGAzZ]/.test(next)) throw new Error(`\\${next}`);
      if (next === 'p' || next === 'P') {
        const name = /^\{\^?[\w=]+\}/.exec(regex.slice(at + 1))?.[0] ?? '';
        made += name;
        at += name.length;
      }
      repeated = false;
      continue;
    }
    if (!inClass && regex.startsWith('(?i:', at)) {
      made += '(?:';
      at += 3;
      ignoring.push(++depth);
      continue;
    }
    if (!inClass && letter === '(') depth++;
    if (!inClass && letter === ')' && ignoring.at(-1) === depth--) ignoring.pop();
    if (letter === '[' && inClass) throw new Error('a class in a class');
    if (letter === '+' && repeated) throw new Error('a possessive quantifier');
    repeated = !inClass && /[+?*}]/.test(letter);
    if (letter === '[') inClass = true;
    if (letter === ']') inClass = false;
    const both = ignoring.length && /[a-z]/i.test(letter);
    const cases = letter.toLowerCase() + letter.toUpperCase();
    made += both ? (inClass ? cases : `[${cases}]`) : letter;
  }
  return made;
}

const word = (inClass) => (inClass ? '\\p{L}\\p{M}\\p{N}\\p{Pc}' : '[\\p{L}\\p{M}\\p{N}\\p{Pc}]');
