// Models of tokenizer.json: how a word becomes tokens. The same as the library `tokenizers` of Hugging
// Face computes (tokenizers/src/models).
import {nameBytes, refuseTokenizer} from './patterns.js';

const UNKNOWN_PENALTY = 10;

const WORD_MODELS = {BPE: makeMerges, Unigram: makeUnigram, WordLevel: makeWords, WordPiece: makePieces};

// Return {ids: Map from token to its number, split: word -> numbers}.
export function makeModel(config) {
  const type = config.type ?? (config.merges ? 'BPE' : Array.isArray(config.vocab) ? 'Unigram' : 'WordPiece');
  const make = WORD_MODELS[type];
  if (!make) throw refuseTokenizer(`its model ${type} is not known here`);
  if (config.dropout) throw refuseTokenizer('it drops merges at random');
  return make(config);
}

const idsOf = (vocab) => new Map(Object.entries(vocab));

function needUnknown(ids, token) {
  const found = ids.get(token);
  if (found !== undefined) return found;
  throw refuseTokenizer(`its vocabulary has no ${token}, which stands for what is not in it`);
}

function makeWords({vocab, unk_token: unknown}) {
  const ids = idsOf(vocab);
  return {ids, split: (word) => [ids.get(word) ?? needUnknown(ids, unknown)]};
}

// The longest token that begins the rest of the word, again and again.
function makePieces({vocab, unk_token: unknown = '[UNK]', continuing_subword_prefix: prefix = '##',
  max_input_chars_per_word: most = 100}) {
  const ids = idsOf(vocab);
  return {ids, split(word) {
    const letters = Array.from(word);
    if (letters.length > most) return [needUnknown(ids, unknown)];
    const found = [];
    for (let start = 0, end; start < letters.length; start = end) {
      let id;
      for (end = letters.length; end > start; end--) {
        id = ids.get((start ? prefix : '') + letters.slice(start, end).join(''));
        if (id !== undefined) break;
      }
      if (id === undefined) return [needUnknown(ids, unknown)];
      found.push(id);
    }
    return found;
  }};
}

// Pairs of tokens are merged, those first that were learnt first.
function makeMerges(config) {
  const {vocab, merges, unk_token: unknown, ignore_merges: whole, continuing_subword_prefix: prefix} = config;
  const ids = idsOf(vocab);
  const ranks = new Map();
  merges.forEach((merge, rank) => {
    const [left, right] = typeof merge === 'string' ? merge.split(' ') : merge;
    const made = left + right.slice(prefix ? prefix.length : 0);
    const key = `${ids.get(left)} ${ids.get(right)}`;
    ranks.set(key, {rank, id: ids.get(made)});
  });
  const split = (word) => (whole && ids.has(word) ? [ids.get(word)]
    : mergePairs(spell(word, ids, config, unknown ? () => needUnknown(ids, unknown) : null), ranks));
  return {ids, split};
}

// The letters of a word as tokens, or else their bytes, or else the token for unknown ones.
function spell(word, ids, config, findUnknown) {
  const {fuse_unk: fuse, byte_fallback: bytes, continuing_subword_prefix: prefix, end_of_word_suffix: suffix} = config;
  const found = [];
  let waiting = null;
  const letters = Array.from(word);
  letters.forEach((letter, i) => {
    const token = (i && prefix ? prefix : '') + letter + (i === letters.length - 1 && suffix ? suffix : '');
    const id = ids.get(token);
    if (id !== undefined) {
      if (waiting !== null) found.push(waiting);
      waiting = null;
      found.push(id);
      return;
    }
    const spelt = bytes ? nameBytes(token).map((name) => ids.get(name)) : [undefined];
    if (spelt.every((one) => one !== undefined)) {
      found.push(...spelt);
    } else if (findUnknown) {
      if (waiting !== null && !fuse) found.push(waiting);
      waiting = findUnknown();
    }
  });
  if (waiting !== null) found.push(waiting);
  return found;
}

function mergePairs(tokens, ranks) {
  const [left, right] = [tokens.map((_, i) => i - 1), tokens.map((_, i) => i + 1)];
  const queue = new Queue();
  const offer = (at) => {
    const next = right[at];
    const merge = next < tokens.length && ranks.get(`${tokens[at]} ${tokens[next]}`);
    if (merge) queue.push({...merge, at, pair: [tokens[at], tokens[next]]});
  };
  for (let at = 0; at < tokens.length - 1; at++) offer(at);
  for (let best; (best = queue.pop());) {
    const next = right[best.at];
    if (tokens[best.at] !== best.pair[0] || tokens[next] !== best.pair[1]) continue;
    tokens[best.at] = best.id;
    tokens[next] = null;
    right[best.at] = right[next];
    if (right[next] < tokens.length) left[right[next]] = best.at;
    if (left[best.at] >= 0) offer(left[best.at]);
    offer(best.at);
  }
  return tokens.filter((token) => token !== null);
}

// A binary heap: the least rank first, and of equal ones the first in the word.
class Queue {
  #heap = [];

  static #isBefore(one, other) {
    return one.rank < other.rank || (one.rank === other.rank && one.at < other.at);
  }

  push(item) {
    const heap = this.#heap;
    let at = heap.push(item) - 1;
    for (let above; at && Queue.#isBefore(item, heap[(above = (at - 1) >> 1)]); at = above) heap[at] = heap[above];
    heap[at] = item;
  }

  pop() {
    const heap = this.#heap;
    const [best, last] = [heap[0], heap.pop()];
    if (!heap.length) return best;
    let at = 0;
    for (let child; (child = 2 * at + 1) < heap.length; at = child) {
      if (child + 1 < heap.length && Queue.#isBefore(heap[child + 1], heap[child])) child++;
      if (!Queue.#isBefore(heap[child], last)) break;
      heap[at] = heap[child];
    }
    heap[at] = last;
    return best;
  }
}

// The likeliest cut of a word: each token has the logarithm of its probability.
function makeUnigram({vocab, unk_id: unknown, byte_fallback: bytes}) {
  const ids = new Map(vocab.map(([token], id) => [token, id]));
  const scores = vocab.map(([, score]) => score);
  const least = scores.reduce((low, score) => Math.min(low, score), Infinity);
  const longest = vocab.reduce((most, [token]) => Math.max(most, Array.from(token).length), 0);
  const rare = least - UNKNOWN_PENALTY;
  return {ids, split(word) {
    const letters = Array.from(word);
    return cutBest(letters, {ids, scores, longest, rare, unknown}).flatMap(({text, id}) => {
      if (id !== unknown || ids.get(text) === unknown) return [id];
      const spelt = bytes ? nameBytes(text).map((name) => ids.get(name)) : [undefined];
      if (spelt.every((one) => one !== undefined)) return spelt;
      if (unknown == null) throw refuseTokenizer('its vocabulary has nothing for what is not in it');
      return [unknown];
    });
  }};
}

function cutBest(letters, {ids, scores, longest, rare, unknown}) {
  const ends = Array.from({length: letters.length + 1}, () => ({score: 0, from: -1, id: null}));
  const offer = (from, to, score, id) => {
    const sum = ends[from].score + score;
    if (ends[to].from < 0 || sum > ends[to].score) ends[to] = {score: sum, from, id};
  };
  for (let from = 0; from < letters.length; from++) {
    let text = '';
    let single = false;
    for (let to = from + 1; to <= Math.min(from + longest, letters.length); to++) {
      text += letters[to - 1];
      const id = ids.get(text);
      if (id === undefined) continue;
      offer(from, to, scores[id], id);
      single ||= to === from + 1;
    }
    if (!single) offer(from, from + 1, rare, unknown);
  }
  // From the end to the start; unknown letters side by side are one.
  const found = [];
  for (let to = letters.length; to > 0; to = ends[to].from) {
    const {from, id} = ends[to];
    const text = letters.slice(from, to).join('');
    const last = found.at(-1);
    if (id === unknown && last?.id === unknown) last.text = text + last.text;
    else found.push({text, id});
  }
  return found.reverse();
}
