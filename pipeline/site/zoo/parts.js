// Parts: vectors that are judged together, as pipeline/proof/judge/parts.py splits them.
import {judgeOutputs} from './judge.js';

const EDGE = 'edge';
// As pipeline/proof/judge/limits.py allows for a base, and for its variants.
const EXTREME = {maxAbsError: null, reason: 'the values are extreme'};
const EXTREME_BASE = {...EXTREME, maxRelError: 0.1, minAgreement: 0.5};
const EXTREME_VARIANT = {...EXTREME, maxRelError: 1e9, minAgreement: 0};
const CHOSEN = ['boxes', 'rows', 'choice'];

// Judge all outputs, as judgeOutputs() does, in each part apart. Returns them and the faults that
// make the variant fail, {outputs, faults: [{name, reason}]}.
export function judgeParts(entry, variant, backend, vectors, found) {
  const parts = splitVectors(vectors.vectors).map(({numbers, group, extreme}) => ({
    extreme,
    label: extreme ? 'extreme values' : group && `vectors of ${group}`,
    outputs: judgeOutputs(entry, variant, backend, {
      ...vectors,
      vectors: numbers.map((number) => vectors.vectors[number]),
    }, numbers.map((number) => found[number]), extreme ? extremeLimits(entry, variant) : null),
  }));
  const plain = parts.filter(({extreme}) => !extreme);
  const deciding = plain.length ? plain : parts;
  const right = deciding.filter((part) => !faultsOf(part).length);
  const wrong = [...(right.length ? [] : deciding),
    ...parts.filter((part) => part.extreme && !deciding.includes(part))];
  return {
    outputs: mergeOutputs(right.length ? right : deciding),
    faults: wrong.flatMap((part) => faultsOf(part).map(({name, reason}) => ({
      name, reason: part.label ? `on ${part.label}: ${reason}` : reason,
    }))),
  };
}

// Where all values of an input are one, scores tie, and any choice is right.
const isChosen = ({jsDtype, quantization}, gate) =>
  CHOSEN.includes(gate) || (jsDtype === 'int32' && !quantization);
const extremeLimits = (entry, variant) => (output, gate) =>
  (variant.name === entry.variants[0].name && !isChosen(output, gate)
    ? EXTREME_BASE : EXTREME_VARIANT);
const faultsOf = ({outputs}) => outputs.filter(({status}) => status === 'fail');

function splitVectors(vectors) {
  const parts = new Map();
  vectors.forEach(({kind, group}, number) => {
    const extreme = kind === EDGE;
    const key = extreme ? EDGE : `of ${group}`;
    if (!parts.has(key)) parts.set(key, {extreme, group, numbers: []});
    parts.get(key).numbers.push(number);
  });
  return [...parts.values()];
}

// Of each output what the part says that proves it, with the largest error.
function mergeOutputs(parts) {
  const rank = ({status, maxRelError}) => [status === 'fail', status === 'pass', maxRelError ?? 0];
  const isAbove = (one, other) => {
    const [first, second] = [rank(one), rank(other)];
    const at = first.findIndex((value, i) => value !== second[i]);
    return at >= 0 && first[at] > second[at];
  };
  return parts[0].outputs.map((_, i) => parts.map(({outputs}) => outputs[i])
    .reduce((worst, one) => (isAbove(one, worst) ? one : worst)));
}
