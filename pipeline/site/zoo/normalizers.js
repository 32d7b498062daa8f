// Normalizers of tokenizer.json: what happens to a text before it is cut. The same as the library
// `tokenizers` of Hugging Face computes (tokenizers/src/normalizers).
import {matchClasses, matchMarks, refuseTokenizer, toByteLetters, toPattern, toText} from './patterns.js';

const LEADING_SPACE = /^\p{White_Space}+/u;
const TRAILING_SPACE = /\p{White_Space}+$/u;
const CONTROL = matchClasses('[\\0\\ufffd]|(?![\\t\\n\\r])[\\p{Cc}\\p{Cf}\\p{Co}\\p{Cs}]');
const MARK = matchMarks();
const MARK_ABOVE = matchClasses('\\p{Mn}');
const ANY_SPACE = /\p{White_Space}/gu;
const CHINESE = new RegExp('[\\u4e00-\\u9fff\\u3400-\\u4dbf\\u{20000}-\\u{2a6df}\\u{2a700}-\\u{2b73f}'
  + '\\u{2b740}-\\u{2b81f}\\u{2b920}-\\u{2ceaf}\\uf900-\\ufaff\\u{2f800}-\\u{2fa1f}]', 'gu');
const NMT_GONE = /[\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]/g;
const NMT_SPACE = /[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g;
const SHORT_BYTES = 6;

// Letter by letter: a sigma at the end of a word stays one.
const toLower = (text) => Array.from(text, (letter) => letter.toLowerCase()).join('');

const NORMALIZERS = {
  Sequence: ({normalizers}) => inTurn(normalizers.map(makeNormalizer)),
  BertNormalizer: makeBert,
  Lowercase: () => toLower,
  NFC: () => (text) => text.normalize('NFC'),
  NFD: () => (text) => text.normalize('NFD'),
  NFKC: () => (text) => text.normalize('NFKC'),
  NFKD: () => (text) => text.normalize('NFKD'),
  StripAccents: () => (text) => text.replace(MARK, ''),
  Strip: ({strip_left: left, strip_right: right}) => (text) => {
    const rest = left ? text.replace(LEADING_SPACE, '') : text;
    return right ? rest.replace(TRAILING_SPACE, '') : rest;
  },
  Nmt: () => (text) => text.replace(NMT_GONE, '').replace(NMT_SPACE, ' '),
  Prepend: ({prepend}) => (text) => (text ? prepend + text : text),
  Replace: ({pattern, content}) => {
    const found = toPattern(pattern);
    return (text) => text.replace(found, () => content);
  },
  ByteLevel: () => toByteLetters,
  Precompiled: makePrecompiled,
};

// Return the function that normalizes a text.
export function makeNormalizer(config) {
  if (!config) return (text) => text;
  const make = NORMALIZERS[config.type];
  if (!make) throw refuseTokenizer(`its normalizer ${config.type} is not known here`);
  return make(config);
}

const inTurn = (steps) => (text) => steps.reduce((sofar, step) => step(sofar), text);

function makeBert({clean_text: clean = true, handle_chinese_chars: chinese = true,
  strip_accents: accents = null, lowercase = true}) {
  return inTurn([
    ...clean ? [(text) => text.replace(CONTROL, '').replace(ANY_SPACE, ' ')] : [],
    ...chinese ? [(text) => text.replace(CHINESE, ' $& ')] : [],
    ...accents ?? lowercase ? [(text) => text.normalize('NFD').replace(MARK_ABOVE, '')] : [],
    ...lowercase ? [toLower] : [],
  ]);
}

// The rules of SentencePiece: a trie of what is replaced, and the texts that replace it. They are
// asked for each character as people see one, as spm_precompiled asks them.
function makePrecompiled({precompiled_charsmap: encoded}) {
  if (!encoded) return (text) => text;
  const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const size = view.getUint32(0, true);
  const units = Uint32Array.from({length: size / 4}, (_, i) => view.getUint32(4 + 4 * i, true));
  const texts = bytes.subarray(4 + size);
  if (!globalThis.Intl?.Segmenter) throw refuseTokenizer('this browser has no Intl.Segmenter');
  const segmenter = new Intl.Segmenter('und', {granularity: 'grapheme'});
  const encoder = new TextEncoder();
  const replace = (key) => {
    const place = findPrefix(units, key);
    if (place < 0) return null;
    const end = texts.indexOf(0, place);
    return toText(texts.subarray(place, end < 0 ? texts.length : end));
  };
  return (text) => Array.from(segmenter.segment(text), ({segment}) => {
    const key = encoder.encode(segment);
    const whole = key.length < SHORT_BYTES ? replace(key) : null;
    return whole ?? Array.from(segment, (letter) => replace(encoder.encode(letter)) ?? letter).join('');
  }).join('');
}

// Return the value of the shortest key of a double array (darts-clone) that begins a text, or -1.
function findPrefix(units, key) {
  const offset = (unit) => (unit >>> 10) << ((unit & (1 << 9)) >>> 6);
  let at = offset(units[0]);
  for (const byte of key) {
    if (!byte) break;
    at ^= byte;
    const unit = units[at];
    if (unit === undefined || ((unit & 0x800000ff) >>> 0) !== byte) return -1;
    at ^= offset(unit);
    if ((unit >>> 8) & 1) return units[at] & 0x7fffffff;
  }
  return -1;
}
