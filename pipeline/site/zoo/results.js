// Results: what a page gets of a model by the roles of its outputs, in plain values and with labels.
import {ZooError} from './errors.js';
import {isFilled} from './inputs.js';
import {countSamples, isSound, readSamples} from './sounds.js';
import {count} from './shapes.js';

const GATES = {sigmoid: (value) => 1 / (1 + Math.exp(-value))};
const ATTRIBUTES = ['age', 'gender', 'race', 'emotion'];

// Say what keeps a model from giving a result.
export const refuseResult = ({name, entry}, method, lacking) => new ZooError('result',
  `${name} has no ${method}(): ${lacking}; ${entry.results?.method
    ? `it has ${entry.results.method}()` : 'run() returns its outputs'}`);

// The only input that a page gives.
export function soleInput({name, inputs}, method) {
  const asked = inputs.filter((input) => !isFilled(input));
  if (asked.length === 1) return asked[0];
  throw new ZooError('input', `${name} takes ${asked.length} inputs; ${method}() gives one: use run()`);
}

// Run a model once, and return {shape, values} of the results that are named and there. Whole
// numbers that stand for real ones become these.
export async function readResults(model, input, names, options) {
  const tensors = await model.run(input, options);
  try {
    const found = names.filter((name) => tensors[name]);
    const values = await Promise.all(found.map((name) => tensors[name].data()));
    return Object.fromEntries(found.map((name, i) =>
      [name, {shape: tensors[name].shape, values: toReal(values[i], findOutput(model, name))}]));
  } finally {
    Object.values(tensors).forEach((tensor) => tensor.dispose());
  }
}

// The output of a role, or else of a name; undefined where there is none.
export const findOutput = ({entry, outputs}, name) =>
  outputs.find(({tensor}) => entry.map[name] === tensor)
  ?? outputs.find((output) => output.name === name);

const toReal = (values, {quantization} = {}) => (quantization
  ? Float32Array.from(values, (one) => quantization.scale * (one - quantization.zeroPoint)) : values);

export const conventionsOf = ({entry}, role) => entry.roles?.[role]?.conventions ?? {};

// Labels of the first of some roles or outputs that has any.
export function labelsOf(model, names) {
  for (const name of names) {
    const found = model.labels[findOutput(model, name)?.name];
    if (found) return found;
  }
  return null;
}

// Make probabilities of scores by what is known of them.
export function toProbabilities(values, {activation, normalization}) {
  if (activation !== 'logit') return values;
  if (normalization === 'sigmoid' || values.length === 1) return values.map(GATES.sigmoid);
  return softmax(values);
}

export function softmax(values) {
  const most = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - most));
  const sum = powers.reduce((total, one) => total + one, 0);
  return powers.map((one) => one / sum);
}

export const {sigmoid} = GATES;

// Return the best classes, [{label, score, class}]; for each token of a text such a list. A sound may be
// longer than the model takes: its windows are classified one after another, and the scores are their
// means, or with {windows: true} [{start, end, classes}] in seconds.
export async function classify(model, input, {windows: apart = false, hop, ...options} = {}) {
  const windows = await cutSound(model, input, hop, options);
  if (!windows) return classifyOnce(model, input, options);
  const {top = 5, threshold = 0} = options;
  const choose = (classes) => classes.filter(({score}) => score >= threshold).slice(0, top);
  const found = [];
  for (const {samples, ...when} of windows) {
    const classes = await classifyOnce(model, samples, {...options, top: Infinity, threshold: -Infinity});
    found.push({...when, classes});
  }
  return apart ? found.map((one) => ({...one, classes: choose(one.classes)}))
    : choose(meanOf(found.map(({classes}) => classes)));
}

function meanOf(lists) {
  const sums = new Map();
  for (const one of lists.flat()) {
    const before = sums.get(one.class)?.score ?? 0;
    sums.set(one.class, {...one, score: before + one.score / lists.length});
  }
  return [...sums.values()].sort((one, other) => other.score - one.score);
}

// The windows of a sound that is longer than an input takes, [{samples, start, end}], `hop` seconds apart;
// the last one ends with the sound. Null for anything else.
async function cutSound(model, sound, hop, options) {
  const asked = model.inputs.filter((input) => !isFilled(input));
  const rate = options.sampleRate ?? asked[0]?.sampleRate;
  if (asked.length !== 1 || !rate || !(isSound(sound) || ArrayBuffer.isView(sound))) return null;
  const length = countSamples(asked[0]);
  const samples = length === null ? null : await readSamples(sound, asked[0], options);
  if (!samples || samples.length <= length) return null;
  const step = Math.max(1, Math.round(hop === undefined ? length : hop * rate));
  const starts = [];
  for (let start = 0; start + length < samples.length; start += step) starts.push(start);
  if (starts.at(-1) + length < samples.length) starts.push(samples.length - length);
  return starts.map((start) => ({samples: samples.slice(start, start + length),
    start: start / rate, end: (start + length) / rate}));
}

async function classifyOnce(model, input, {top = 5, threshold = 0, ...options}) {
  const role = ['scores', 'logits'].find((name) => model.entry.map[name]);
  if (!role) throw refuseResult(model, 'classify', 'no output has the role scores or logits');
  const {[role]: scores, classes} = await readResults(model, input, [role, 'classes'], options);
  const texts = typeof classes?.values[0] === 'string' ? classes.values : null;
  const labels = texts ?? labelsOf(model, [role, 'classes']);
  const size = scores.shape.at(-1) ?? 1;
  const conventions = {...role === 'logits' && {activation: 'logit'}, ...conventionsOf(model, role)};
  const lists = Array.from({length: scores.values.length / size}, (_, row) => rankClasses(
    toProbabilities(Array.from(scores.values.slice(row * size, (row + 1) * size)), conventions),
    labels).filter(({score}) => score >= threshold).slice(0, top));
  return lists.length === 1 ? lists[0] : lists;
}

const rankClasses = (scores, labels) => scores
  .map((score, number) => ({label: labels?.[number] ?? null, score, class: number}))
  .sort((one, other) => other.score - one.score);

// Return the classes of each attribute, the best first: {age: [{label, score, class}], …}; or its
// value, where it has one and not a probability.
export async function attributes(model, input, {top = 3, ...options} = {}) {
  const roles = ATTRIBUTES.filter((role) => model.entry.map[role]);
  if (!roles.length) {
    throw refuseResult(model, 'attributes', `no output has the role ${ATTRIBUTES.join(', ')}`);
  }
  const found = await readResults(model, input, roles, options);
  return Object.fromEntries(roles.map((role) => {
    const values = toProbabilities(Array.from(found[role].values), conventionsOf(model, role));
    return [role, rankClasses(values, labelsOf(model, [role])).slice(0, top)];
  }));
}

// Return the numbers that describe an input; for several texts a list of them. Vectors of tokens become
// one by {pooling: 'mean', 'first' or 'last'}, or as the catalog says.
export async function embed(model, input, options) {
  const role = ['embedding', 'tokenEmbeddings'].find((name) => model.entry.map[name]);
  if (!role) throw refuseResult(model, 'embed', 'no output has the role embedding or tokenEmbeddings');
  const isText = [input].flat().every((one) => typeof one === 'string') && model.entry.tokenizer;
  const given = isText ? await model.fillTokens(input, options) : input;
  const {[role]: {shape, values}} = await readResults(model, given, [role], options);
  const vectors = role === 'embedding' ? cutRows(values, isText ? shape[0] : 1)
    : poolTokens(shape, values, await readMask(model, given), poolingOf(model, options));
  return vectors.length === 1 ? vectors[0] : vectors;
}

const cutRows = (values, count) => Array.from({length: count}, (_, row) =>
  Float32Array.from(values.slice(row * values.length / count, (row + 1) * values.length / count)));

function poolingOf(model, options) {
  const pooling = options?.pooling ?? conventionsOf(model, 'tokenEmbeddings').pooling;
  if (POOLINGS[pooling]) return POOLINGS[pooling];
  throw new ZooError('input', `${model.name}: pooling: ${pooling}; expected 'mean', 'first' or 'last'`);
}

// The places of the tokens that make the vector of a text, of the places that its mask counts.
const POOLINGS = {mean: (places) => places, first: () => [0], last: (places) => places.slice(-1)};

// The mask of each token that a model was given, in a row; null where it takes none.
async function readMask({entry}, given) {
  const mask = given?.[entry.tokenizer?.mask ?? 'attention_mask'];
  return mask?.data ? mask.data() : mask?.flat(Infinity) ?? null;
}

function poolTokens([count, tokens, size], values, mask, choose) {
  return Array.from({length: count}, (_, row) => {
    const places = choose([...Array(tokens).keys()].filter((i) => !mask || mask[row * tokens + i]));
    const sum = new Float32Array(size);
    for (const place of places) {
      const start = (row * tokens + place) * size;
      for (let i = 0; i < size; i++) sum[i] += values[start + i] / places.length;
    }
    return sum;
  });
}

// Check that results are of one input.
export function expectSingle({shape, values}, model, method) {
  if (shape.length && shape[0] === 1) return;
  throw refuseResult(model, method, `it returned ${shape[0] ?? 1} results, ${count(shape)} values of `
    + `${values.length}, for one image`);
}
