// Pre-tokenizers of tokenizer.json: how a text is cut into words. The same as the library
// `tokenizers` of Hugging Face computes (tokenizers/src/pre_tokenizers).
import {matchClasses, refuseTokenizer, toByteLetters, toPattern} from './patterns.js';

const EACH_SPACE = /\p{White_Space}/gu;
// With two that are punctuation no more.
const PUNCTUATION = new RegExp(`[!-/:-@[-\`{-~\\u166d\\u{111c9}]|${matchClasses('\\p{P}').source}`, 'gu');
const WORDS = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu;
const GPT2 = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

const CUTTERS = {
  Sequence: ({pretokenizers}) => {
    const steps = pretokenizers.map(makePreTokenizer);
    return (pieces) => steps.reduce((sofar, step) => step(sofar), pieces);
  },
  BertPreTokenizer: () => (pieces) =>
    cut(cut(pieces, EACH_SPACE, 'Removed'), PUNCTUATION, 'Isolated'),
  Whitespace: () => (pieces) => cut(pieces, WORDS, 'Removed', true),
  WhitespaceSplit: () => (pieces) => cut(pieces, EACH_SPACE, 'Removed'),
  Punctuation: ({behavior = 'Isolated'}) => (pieces) => cut(pieces, PUNCTUATION, behavior),
  Digits: ({individual_digits: each}) => (pieces) =>
    cut(pieces, /\p{N}/gu, each ? 'Isolated' : 'Contiguous'),
  CharDelimiterSplit: ({delimiter}) => (pieces) =>
    cut(pieces, toPattern({String: delimiter}), 'Removed'),
  Split: ({pattern, behavior, invert}) => {
    const found = toPattern(pattern);
    return (pieces) => cut(pieces, found, behavior, invert);
  },
  Metaspace: makeMetaspace,
  ByteLevel: ({add_prefix_space: prefixed, use_regex: split = true}) => (pieces) => {
    const begun = pieces.map(({text, first}) =>
      ({text: prefixed && !text.startsWith(' ') ? ` ${text}` : text, first}));
    return (split ? cut(begun, GPT2, 'Isolated') : begun)
      .map(({text, first}) => ({text: toByteLetters(text), first}));
  },
};

// Return the function that cuts pieces [{text, first}] into smaller ones; `first` is whether one begins
// the whole text.
export function makePreTokenizer(config) {
  if (!config) return (pieces) => pieces;
  const make = CUTTERS[config.type];
  if (!make) throw refuseTokenizer(`its pre-tokenizer ${config.type} is not known here`);
  return make(config);
}

function makeMetaspace({replacement = '▁', prepend_scheme: scheme, add_prefix_space: prefixed = true, split = true}) {
  const when = scheme ?? (prefixed ? 'always' : 'never');
  const mark = toPattern({String: replacement});
  return (pieces) => {
    const marked = pieces.map(({text, first}) => {
      const own = text.replaceAll(' ', replacement);
      const begins = when === 'always' || (when === 'first' && first);
      return {text: begins && !own.startsWith(replacement) ? replacement + own : own, first};
    });
    return split ? cut(marked, mark, 'MergedWithNext') : marked;
  };
}

const cut = (pieces, pattern, behavior, invert = false) => pieces.flatMap(({text, first}) =>
  join(divide(text, pattern, invert), behavior)
    .map((part, i) => ({text: part, first: first && i === 0})).filter((part) => part.text));

// The matches of a pattern and what lies between them, [text, whether it matches].
function divide(text, pattern, invert) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index > end) parts.push([text.slice(end, match.index), invert]);
    if (match[0]) parts.push([match[0], !invert]);
    end = match.index + match[0].length;
  }
  if (end < text.length) parts.push([text.slice(end), invert]);
  return parts;
}

function join(parts, behavior) {
  switch (behavior.toLowerCase()) {
    case 'removed': return parts.map(([text, matches]) => (matches ? '' : text));
    case 'isolated': return parts.map(([text]) => text);
    case 'contiguous': return merge(parts, (before, one) => before[1] === one[1]);
    case 'mergedwithprevious':
    case 'merged_with_previous': return merge(parts, (before, one) => one[1] && !before[1]);
    case 'mergedwithnext':
    case 'merged_with_next': return merge([...parts].reverse(), (before, one) => one[1] && !before[1], true).reverse();
    default: throw refuseTokenizer(`the behavior ${behavior} of its pre-tokenizer is not known here`);
  }
}

// Join each part with the one before it, where `belongs` says so.
function merge(parts, belongs, backward = false) {
  const merged = [];
  parts.forEach((one, i) => {
    if (i && belongs(parts[i - 1], one)) {
      merged.push(backward ? one[0] + merged.pop() : merged.pop() + one[0]);
    } else {
      merged.push(one[0]);
    }
  });
  return merged;
}
