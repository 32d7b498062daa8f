// Figures: how far an output is from its reference, value by value, over several vectors. The same
// as pipeline/proof/judge/fidelity.py computes when the zoo is built.

// Below so many values their range says little of the range that the output has.
const FEW_VALUES = 16;
// What float32 may leave where the reference is 0 everywhere, so that there is no scale.
const UNSCALED_ERROR = 1e-6;
// More than this of the range holds only with a reason.
const REASON_NEEDED_ABOVE = 0.01;
// Rounding grows with the magnitude of a value: 84 units in the last place of a float32.
export const FLOAT_RTOL = 1e-5;

const isText = ({dtype}) => dtype === 'string';
export const areDiscrete = (arrays) =>
  arrays.some(({dtype}) => dtype !== 'float32' && dtype !== 'complex64');
export const areTexts = (arrays) => arrays.some(isText);
export const asText = (bytes) => new TextDecoder().decode(bytes);

// Return the range of a reference, by which errors are divided.
export function measureScale(reference) {
  if (reference.some(({dtype}) => dtype === 'bool')) return 1;
  let [low, high, number] = [Infinity, -Infinity, 0];
  for (const {values} of reference) {
    for (const value of values) {
      if (!Number.isFinite(value)) continue;
      number++;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (!number) return 0;
  if (number < FEW_VALUES || low === high) {
    low = Math.min(low, 0);
    high = Math.max(high, 0);
  }
  return high - low;
}

// Return the largest error that a limit allows for a reference of some range: what was allowed, or
// what arithmetic explains where that is more.
export function allowedError({maxRelError, maxAbsError, explainedRelError, reason}, reference) {
  if (areTexts(reference)) return 0;
  const scale = measureScale(reference);
  if (!scale) return maxAbsError ?? UNSCALED_ERROR;
  const limits = [maxAbsError, maxRelError === null ? null : maxRelError * scale];
  const stated = Math.min(...limits.filter((limit) => limit !== null));
  const allowed = reason ? stated : Math.min(stated, REASON_NEEDED_ABOVE * scale);
  return Math.max(allowed, (explainedRelError ?? 0) * scale);
}

// Compare an output with its reference, in equal shapes. A value is a mismatch beyond
// atol + rtol * |r|; so is a NaN or an infinity that the reference has not at its place.
export function compareValues(reference, found, {atol, rtol}) {
  if (areTexts(reference)) return compareTexts(reference, found);
  const sums = {numValues: 0, mismatches: 0, nan: 0, infinite: 0, maxAbsError: 0, worst: null};
  let worst = 0;
  reference.forEach(({values: expected}, vector) => {
    const actual = found[vector].values;
    for (let i = 0; i < expected.length; i++) {
      const [r, a] = [Number(expected[i]), Number(actual[i])];
      const finite = Number.isFinite(r) && Number.isFinite(a);
      let error = finite ? Math.abs(a - r) : 0;
      sums.maxAbsError = Math.max(sums.maxAbsError, error);
      if (!finite && !Object.is(r, a)) {
        const nan = Number.isNaN(r) || Number.isNaN(a);
        sums[nan ? 'nan' : 'infinite']++;
        error = nan ? Infinity : Number.MAX_VALUE;
      }
      // An infinity allows nothing: rtol of it would be infinite too.
      if (error > atol + (finite ? rtol * Math.abs(r) : 0)) sums.mismatches++;
      if (error > worst) {
        worst = error;
        sums.worst = {vector, index: i, expected: r, found: a};
      }
    }
    sums.numValues += expected.length;
  });
  const scale = measureScale(reference);
  const share = scale ? sums.maxAbsError / scale : null;
  return {...sums, scale, maxRelError: sums.maxAbsError ? share : 0};
}

function compareTexts(reference, found) {
  const sums = {numValues: 0, mismatches: 0, nan: 0, infinite: 0, worst: null};
  reference.forEach(({values}, vector) => values.forEach((value, index) => {
    const [expected, actual] = [asText(value), asText(found[vector].values[index])];
    sums.numValues++;
    if (expected === actual) return;
    sums.mismatches++;
    sums.worst ??= {vector, index, expected, found: actual};
  }));
  return {...sums, maxAbsError: null, maxRelError: null, scale: null};
}
