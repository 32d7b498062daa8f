// Judge: what becomes of each output of a run, by the gate and the tolerance that the catalog has
// of it. The same as pipeline/proof/judge/judge.py, but for the signal-to-noise ratio, which a build
// asks of float32 besides.
import {compareDetections, readDetections} from './boxes.js';
import {
  FLOAT_RTOL, allowedError, areDiscrete, areTexts, compareValues, measureScale,
} from './figures.js';
import {areKeypoints, compareKeypoints} from './keypoints.js';
import {compareRows} from './rows.js';

const DETECTOR_ROLES = ['boxes', 'scores', 'classes', 'count'];
const EXACTLY = {atol: 0, rtol: 0};

// Judge all outputs. `found` has on each vector {shape, dtype, values} by output name; `limitsOf`
// (output, gate) stands in place of the catalog. Returns [{name, role, gate, status, reason, maxAbsError, maxRelError, limit, metrics}].
export function judgeOutputs(entry, variant, backend, described, found, limitsOf = null) {
  const {vectors, random, constant} = described;
  const parts = entry.outputs.map((output) => {
    const {name} = output;
    const record = findRecord(variant, backend, name);
    const gate = record?.gate ?? 'values';
    return {
      output,
      record,
      gate,
      limits: limitsOf ? limitsOf(output, gate) : record?.tolerance,
      random: random[name],
      constant: constant[name],
      reference: vectors.map(({outputs}) => outputs[name]),
      values: found.map((outputs) => outputs[name]),
    };
  });
  const detector = judgeDetector(entry, parts.filter(({gate}) => gate === 'boxes'));
  const batches = vectors.map(({inputs}) => batchOf(Object.values(inputs)));
  return parts.map((part) => conclude(part, judgePart(part, detector, batches)));
}

// The figures of the build, which say by what gate and tolerance: the same for all backends.
function findRecord(variant, backend, name) {
  const {[backend]: own, ...others} = variant.checks ?? {};
  return [own, ...Object.values(others)].find((check) => check?.outputs?.[name])?.outputs[name];
}

function batchOf(inputs) {
  const sizes = new Set(inputs.filter(({shape}) => shape.length).map(({shape}) => shape[0]));
  return sizes.size === 1 ? [...sizes][0] : null;
}

function conclude({output: {name, role}, gate}, {fault = null, unproved = null, ...figures}) {
  const passed = unproved === null ? 'pass' : 'unproved';
  const nothing = {maxAbsError: null, maxRelError: null, limit: null, metrics: {}};
  return {name, role, gate, status: fault === null ? passed : 'fail', reason: fault ?? unproved,
    ...nothing, ...figures};
}

function judgePart(part, detector, batches) {
  const {random, constant, record, reference, values} = part;
  if (random !== undefined) {
    return {unproved: `random: ${random}`, fault: describeNan(values)};
  }
  if (!record) return {unproved: 'no backend was ever compared'};
  if (areTexts(reference) !== areTexts(values)) {
    return {fault: `it is ${values[0].dtype}; the source's is ${reference[0].dtype}`};
  }
  const unproved = constant === undefined ? null : `constant: ${constant}`;
  const judged = judgeByGate(part, detector, batches);
  return {...judged, unproved: unproved ?? judged.unproved};
}

function judgeByGate(part, detector, batches) {
  const {gate, reference} = part;
  if (gate === 'boxes') return judgeBox(part, detector);
  if (gate === 'rows') return judgeRows(part, batches);
  const fault = describeShapes(part);
  if (fault) return {fault};
  if (gate === 'keypoints' && reference.every(areKeypoints)) return judgeKeypoints(part);
  if (gate === 'choice' || gate === 'keypoints') return judgeChoice(part);
  const {compared, ...figures} = measure(part);
  const judge = areDiscrete(reference) ? describeDiscrete : describeMismatches;
  return {...figures, fault: judge(compared, part)};
}

// Figures of values are there for all whose shapes allow it, also where another gate decides.
function measure(part) {
  const {reference, values, limits} = part;
  const scale = areTexts(reference) ? null : measureScale(reference);
  const limit = scale ? allowedError(limits, reference) / scale : null;
  if (describeShapes(part)) return {limit};
  const compared = compareValues(reference, values, toleranceOf(part));
  return {limit, compared, maxAbsError: compared.maxAbsError, maxRelError: compared.maxRelError};
}

const toleranceOf = ({limits, reference}) =>
  ({atol: allowedError(limits, reference), rtol: FLOAT_RTOL});

function judgeBox(part, detector) {
  const {compared, ...figures} = measure(part);
  const own = part.output.tensor === detector.tensor;
  return {...figures, ...detector.judged, metrics: own ? detector.metrics : {},
    fault: describeStrange(part) ?? detector.judged.fault};
}

function judgeRows(part, batches) {
  const {reference, values, limits} = part;
  const {compared, ...figures} = measure(part);
  const metrics = compareRows(reference, values, {...toleranceOf(part), batches});
  return {...figures, metrics,
    fault: describeStrange(part) ?? describeLack(metrics.agreement, limits, 'rows'),
    unproved: metrics.rows ? null : 'the source returns no rows on any vector'};
}

function judgeChoice(part) {
  const {reference, values, limits} = part;
  const {compared, ...figures} = measure(part);
  const agreement = agreeing(part, reference, values);
  return {...figures, metrics: {agreement},
    fault: describeStrange(part) ?? describeLack(agreement, limits, 'values')};
}

function judgeKeypoints(part) {
  const {reference, values, limits} = part;
  const {compared, ...figures} = measure(part);
  const metrics = compareKeypoints(reference, values, limits.maxRelError ?? 0);
  const rest = agreeing(part, reference.map(behindPlaces), values.map(behindPlaces));
  return {...figures, metrics, fault: describeStrange(part)
    ?? describeLack(metrics.agreement, limits, 'keypoints')
    ?? describeLack(rest, limits, 'values beside the keypoints')};
}

// What stands behind the place of each point: depth, score, visibility.
function behindPlaces({shape, dtype, values}) {
  const size = shape.at(-1);
  return {shape, dtype, values: values.filter((_, i) => i % size > 1)};
}

// Share of values that agree; whole numbers are names, and agree if equal.
function agreeing({limits}, reference, values) {
  const tolerance = areDiscrete(reference) ? EXACTLY : toleranceOf({limits, reference});
  const {mismatches, numValues} = compareValues(reference, values, tolerance);
  return numValues ? 1 - mismatches / numValues : 1;
}

// Judge the outputs of a detector together, as sets of boxes.
function judgeDetector(entry, parts) {
  const roles = Object.entries(entry.map).filter(([role]) => DETECTOR_ROLES.includes(role))
    .map(([role, tensor]) => [role, parts.find(({output}) => output.tensor === tensor)])
    .filter(([, part]) => part);
  const {boxes, scores} = Object.fromEntries(roles);
  if (!boxes || !scores) return {judged: {fault: null}};
  const form = entry.roles?.boxes?.conventions?.form;
  const read = (side) => boxes[side].flatMap((_, vector) => readDetections(
    Object.fromEntries(roles.map(([role, part]) => [role, part[side][vector]])), form));
  try {
    const [expected, actual] = [read('reference'), read('values')];
    if (expected.length !== actual.length) {
      throw new Error(`boxes of ${actual.length} images; expected ${expected.length}`);
    }
    const metrics = compareDetections(expected, actual, {
      box: allowedError(boxes.limits, boxes.reference),
      score: allowedError(scores.limits, scores.reference),
    });
    const fault = describeLack(metrics.agreement, boxes.limits, 'boxes');
    const unproved = metrics.boxes ? null : 'the source detects nothing on any vector';
    return {tensor: boxes.output.tensor, metrics, judged: {fault, unproved}};
  } catch (error) {
    return {tensor: boxes.output.tensor, metrics: {}, judged: {fault: error.message}};
  }
}

// --- what is wrong, in words; null where nothing is ----------------------------------------------

function describeMismatches(compared, part) {
  const {nan, infinite, mismatches, numValues, maxAbsError, maxRelError, scale, worst} = compared;
  if (nan) return `${nan} of ${numValues} values are NaN`;
  if (infinite) return `${infinite} of ${numValues} values are infinite`;
  if (!mismatches) return null;
  const {atol} = toleranceOf(part);
  const share = maxRelError === null ? '' : ` (${percent(maxRelError)} of the range)`;
  return `${mismatches} of ${numValues} values differ, the worst by ${short(maxAbsError)}${share}: `
    + `${short(worst.found)} where the source has ${short(worst.expected)}; expected at most `
    + (scale ? percent(atol / scale) : short(atol));
}

function describeDiscrete({mismatches, numValues}, {limits}) {
  const allowed = limits.maxRelError ?? 0;
  if (mismatches <= allowed * numValues) return null;
  return `${mismatches} of ${numValues} values differ; expected at most ${percent(allowed)}`;
}

function describeLack(agreement, {minAgreement}, what) {
  if (agreement >= minAgreement) return null;
  return `${short(agreement)} of the ${what} agree; expected at least ${minAgreement}`;
}

function describeShapes({reference, values}) {
  const at = reference.findIndex((one, i) => String(one.shape) !== String(values[i].shape));
  return at < 0 ? null
    : `its shape is [${values[at].shape}] on vector ${at}; expected [${reference[at].shape}]`;
}

// Values that never pass: NaN and infinities that the source has not.
function describeStrange({reference, values}) {
  const infinite = countOf(values, isInfinite);
  return describeNan(values, reference)
    ?? (infinite && !countOf(reference, isInfinite) ? `${infinite} values are infinite` : null);
}

function describeNan(values, reference = []) {
  const nan = countOf(values, Number.isNaN);
  return nan > countOf(reference, Number.isNaN) ? `${nan} values are NaN` : null;
}

const isInfinite = (value) => Math.abs(value) === Infinity;
const countOf = (arrays, is) => arrays.reduce((sum, {dtype, values}) =>
  (dtype === 'string' ? sum : values.reduce((found, one) => found + is(one), sum)), 0);

const short = (value) => Number(value.toPrecision(3)).toString();
const percent = (share) => `${Number((100 * share).toPrecision(2))} %`;
