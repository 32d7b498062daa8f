// Tokenizers: texts become the numbers that a model takes, as tokenizer.json says. The same as the
// library `tokenizers` of Hugging Face computes, number for number; places in the text are left out.
import {makeNormalizer} from './normalizers.js';
import {refuseTokenizer} from './patterns.js';
import {makePreTokenizer} from './pretokenizers.js';
import {makeModel} from './subwords.js';

const WORD_AT_END = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;
const WORD_AT_START = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
const SPACE_AT_END = /\p{White_Space}*$/u;
const SPACE_AT_START = /^\p{White_Space}*/u;

// Return the tokenizer of a tokenizer.json, {encode(text, {pair, special, length}), pad, tokenOf}.
export function makeTokenizer(config) {
  const normalize = makeNormalizer(config.normalizer);
  const preTokenize = makePreTokenizer(config.pre_tokenizer);
  const model = makeModel(config.model);
  const added = (config.added_tokens ?? []).map((token) => ({...token,
    sought: token.normalized ? normalize(token.content) : token.content}));
  const names = new Map([...[...model.ids].map(([token, id]) => [id, token]),
    ...added.map(({id, content}) => [id, content])]);
  const cutRaw = makeCutter(added.filter(({normalized}) => !normalized));
  const cutNormal = makeCutter(added.filter(({normalized}) => normalized));
  const known = new Map();
  const splitWord = (word) => {
    if (!known.has(word)) known.set(word, model.split(word));
    return known.get(word);
  };
  const tokenize = (text) => {
    known.clear();
    return cutRaw(text).flatMap(({text: part, id, start}) => {
      if (id !== undefined) return [id];
      const normal = normalize(part);
      const begins = start === 0 && !dropsStart(config.normalizer, part);
      return cutNormal(normal).flatMap(({text: own, id: other, start: from}) => (other !== undefined ? [other]
        : preTokenize([{text: own, first: begins && from === 0}]).flatMap(({text: word}) => splitWord(word))));
    });
  };
  return {
    tokenOf: (id) => names.get(id) ?? null,
    pad: (rows, length) => pad(rows, config.padding, length),
    encode(text, {pair, special = true, length} = {}) {
      const frame = special ? config.post_processor : null;
      const [own, other] = [tokenize(text), pair === undefined ? null : tokenize(pair)];
      const limit = length === undefined ? config.truncation : {...config.truncation, max_length: length};
      const rows = addSpecial(truncate(own, other, limit, frame), frame);
      return pad(rows, config.padding, length);
    },
  };
}

// Return what texts, or pairs of texts, are as the inputs of a catalog's entry, by name: all as long as
// the input, or as the longest of them.
export function fillInputs(tokenizer, texts, pairs, {tokenizer: {ids, mask, types}, inputs}) {
  const {shape} = inputs.find(({name}) => name === ids);
  const fixed = shape && shape.length > 1 && shape.at(-1) > 0 ? shape.at(-1) : undefined;
  const encode = (length) => texts.map((text, i) => tokenizer.encode(text, {pair: pairs?.[i], length}));
  const found = encode(fixed);
  const longest = Math.max(...found.map((one) => one.ids.length));
  const even = found.every((one) => one.ids.length === longest) ? found
    : found.map((one) => tokenizer.pad(one, longest));
  return Object.fromEntries([[ids, 'ids'], [mask, 'mask'], [types, 'types']].filter(([name]) => name)
    .map(([name, key]) => [name, even.map((one) => one[key])]));
}

// Whether a normalizer takes away spaces at the start of a text, so that nothing begins it.
function dropsStart(normalizer, text) {
  const steps = normalizer?.normalizers ?? [normalizer];
  return steps.some((step) => step?.type === 'Strip' && step.strip_left) && /^\p{White_Space}/u.test(text);
}

// Return what cuts added tokens out of a text: [{text, start} or {id}]; the longest one counts.
function makeCutter(tokens) {
  const sought = tokens.filter((token) => token.sought);
  if (!sought.length) return (text) => (text ? [{text, start: 0}] : []);
  const byText = new Map(sought.map((token) => [token.sought, token]));
  const pattern = new RegExp([...byText.keys()].sort((one, other) => other.length - one.length)
    .map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|'), 'gu');
  return (text) => {
    const parts = [];
    let end = 0;
    const keep = (from, to) => to > from && parts.push({text: text.slice(from, to), start: from});
    for (const match of text.matchAll(pattern)) {
      const token = byText.get(match[0]);
      let [from, to] = [match.index, match.index + match[0].length];
      const [before, behind] = [text.slice(0, from), text.slice(to)];
      if (token.single_word && (WORD_AT_END.test(before) || WORD_AT_START.test(behind))) continue;
      if (token.lstrip) from = Math.max(from - SPACE_AT_END.exec(before)[0].length, end);
      if (token.rstrip) to += SPACE_AT_START.exec(behind)[0].length;
      keep(end, from);
      parts.push({id: token.id});
      end = to;
    }
    keep(end, text.length);
    return parts;
  };
}

// What a post-processor puts around one text or two, as [{id, type} or {sequence, type}].
function frameOf(frame, paired) {
  const plain = [{sequence: 0, type: 0}, ...paired ? [{sequence: 1, type: 1}] : []];
  if (!frame || frame.type === 'ByteLevel') return plain;
  const fixed = ([, id], type) => ({id, type});
  const {sep, cls} = frame;
  switch (frame.type) {
    case 'Sequence': {
      const own = frame.processors.filter(({type}) => type !== 'ByteLevel');
      if (own.length > 1) throw refuseTokenizer('it has several post-processors');
      return frameOf(own[0], paired);
    }
    case 'BertProcessing': return [fixed(cls, 0), plain[0], fixed(sep, 0),
      ...paired ? [plain[1], fixed(sep, 1)] : []];
    case 'RobertaProcessing': return [fixed(cls, 0), plain[0], fixed(sep, 0),
      ...paired ? [fixed(sep, 0), {sequence: 1, type: 0}, fixed(sep, 0)] : []];
    case 'TemplateProcessing': return (paired ? frame.pair : frame.single).flatMap((part) => {
      const {id, type_id: type} = part.Sequence ?? part.SpecialToken;
      return part.Sequence ? [{sequence: id === 'A' ? 0 : 1, type}]
        : frame.special_tokens[id].ids.map((one) => ({id: one, type}));
    });
    default: throw refuseTokenizer(`its post-processor ${frame.type} is not known here`);
  }
}

function addSpecial([own, other], frame) {
  const parts = frameOf(frame, other !== null);
  const ids = parts.flatMap(({id, sequence}) => (id !== undefined ? [id] : [own, other][sequence]));
  const types = parts.flatMap(({id, sequence, type}) =>
    (id !== undefined ? [type] : [own, other][sequence].map(() => type)));
  return {ids, types, mask: ids.map(() => 1)};
}

// Cut texts so that they fit with what is put around them.
function truncate(own, other, limit, frame) {
  const most = limit?.max_length;
  if (most === undefined) return [own, other];
  const room = Math.max(0, most - frameOf(frame, other !== null).filter(({id}) => id !== undefined).length);
  const cut = (list, length) => (limit.direction === 'Left' ? list.slice(Math.max(0, list.length - length))
    : list.slice(0, length));
  const excess = own.length + (other?.length ?? 0) - room;
  if (excess <= 0) return [own, other];
  if (other === null) return [cut(own, room), null];
  if (limit.strategy === 'OnlyFirst') return [cut(own, Math.max(0, own.length - excess)), other];
  if (limit.strategy === 'OnlySecond') return [own, cut(other, Math.max(0, other.length - excess))];
  const short = Math.min(own.length, other.length);
  let [less, more] = [short, short > room ? short : Math.max(short, room - short)];
  if (less + more > room) [less, more] = [Math.floor(room / 2), Math.floor(room / 2) + (room % 2)];
  return own.length > other.length ? [cut(own, more), cut(other, less)] : [cut(own, less), cut(other, more)];
}

function pad({ids, types, mask}, padding, length) {
  const {strategy, pad_to_multiple_of: multiple, pad_id: id = 0, pad_type_id: type = 0, direction} = padding ?? {};
  let wanted = length ?? strategy?.Fixed ?? ids.length;
  if (padding && multiple && wanted % multiple) wanted += multiple - (wanted % multiple);
  const more = Math.max(0, wanted - ids.length);
  const fill = (list, value) => (direction === 'Left' ? [...Array(more).fill(value), ...list]
    : [...list, ...Array(more).fill(value)]);
  return {ids: fill(ids, id), types: fill(types, type), mask: fill(mask, 0)};
}
