// Boxes that a detector finds, compared as a set: the reference's, by falling score, each with the
// best overlap left. The same as pipeline/proof/judge/box_matching.py computes.
import {asText} from './figures.js';
import {count} from './shapes.js';

const MIN_IOU = 0.5;

// Return what a detector says of each image. `tensors` has boxes and scores, and maybe classes
// and count; `form` is 'centre' where boxes are a centre and a size. Throws where shapes do not
// belong together.
export function readDetections(tensors, form) {
  const {boxes, scores, classes, count: counts} = tensors;
  if (boxes.shape.length < 2 || boxes.shape.at(-1) !== 4) {
    throw new Error(`boxes have shape [${boxes.shape}]; expected a last axis of 4`);
  }
  const number = boxes.shape.at(-2);
  const images = number ? count(boxes.shape) / (4 * number) : count(boxes.shape.slice(0, -2));
  const rows = images * number;
  const columns = rows ? scores.values.length / rows : 1;
  expect(Number.isInteger(columns), 'scores', scores);
  expect(!classes || classes.values.length === rows, 'classes', classes);
  if (counts && (counts.values.length !== images || ![...counts.values].every(Number.isFinite))) {
    throw new Error(`count has ${counts.values.length} values; expected one for each image`);
  }
  return Array.from({length: images}, (_, image) => {
    const used = counts ? Math.min(number, Math.max(0, Math.round(counts.values[image]))) : number;
    const list = Array.from({length: used}, (_unused, i) =>
      readBox(tensors, image * number + i, columns, form));
    // Rows of zeros at the end are padding.
    const end = list.findLastIndex(({score, box}) => score !== 0 || box.some((one) => one !== 0));
    return list.slice(0, end + 1);
  });
}

function expect(fitting, role, tensor) {
  if (fitting) return;
  throw new Error(`${role} have shape [${tensor.shape}]; expected one for each box`);
}

function readBox({boxes, scores, classes}, row, columns, form) {
  const box = Array.from(boxes.values.subarray(4 * row, 4 * row + 4));
  const own = Array.from(scores.values.subarray(columns * row, columns * (row + 1)));
  const score = Math.max(...own);
  const best = columns > 1 ? own.indexOf(score) : null;
  const [y, x, z, w] = box;
  const [a, b, c, d] = form === 'centre' ? [y - z / 2, x - w / 2, y + z / 2, x + w / 2] : box;
  return {
    box,
    score,
    kind: classes ? kindOf(classes, row) : best,
    corners: [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)],
  };
}

const kindOf = (classes, row) =>
  (classes.dtype === 'string' ? asText(classes.values[row]) : classes.values[row]);

// A box no wider or higher than `near` and a box at its place are one: rounding may part them.
function overlap(first, second, near) {
  const isThin = ([a, b, c, d]) => Math.min(c - a, d - b) <= near;
  if ((isThin(first) || isThin(second))
    && first.every((one, i) => Math.abs(one - second[i]) <= near)) return 1;
  const area = ([a, b, c, d]) => (c - a) * (d - b);
  const height = Math.max(0, Math.min(first[2], second[2]) - Math.max(first[0], second[0]));
  const width = Math.max(0, Math.min(first[3], second[3]) - Math.max(first[1], second[1]));
  const union = area(first) + area(second) - height * width;
  return union > 0 ? (height * width) / union : 0;
}

const sameKind = (one, other) =>
  one.kind === null || other.kind === null || one.kind === other.kind;

function matchBoxes(reference, found, near) {
  const free = new Set(found);
  const pairs = [];
  for (const expected of [...reference].sort((one, other) => other.score - one.score)) {
    let best = null;
    for (const actual of free) {
      const iou = overlap(expected.corners, actual.corners, near);
      if (!(iou >= MIN_IOU)) continue;
      const nearness = -Math.abs(actual.score - expected.score);
      const rank = [Number(sameKind(expected, actual)), iou, nearness];
      if (!best || isHigher(rank, best.rank)) best = {expected, actual, rank};
    }
    if (!best) continue;
    free.delete(best.actual);
    pairs.push(best);
  }
  return pairs;
}

function isHigher(some, others) {
  const at = some.findIndex((one, i) => one !== others[i]);
  return at >= 0 && some[at] > others[at];
}

// Boxes without a partner whose score is about the lowest of their list do not count.
function countBorderline(list, matched, limit) {
  const lowest = Math.min(...list.map(({score}) => score));
  return list.filter((one) => !matched.has(one) && one.score <= lowest + limit).length;
}

// Compare detections, image by image; `limits` has the largest difference of `box` and `score`.
export function compareDetections(reference, found, limits) {
  const figures = {boxes: 0, boxesFound: 0, agreement: 1, maxBoxDifference: null,
    maxScoreDifference: null};
  let [agreeing, borderline] = [0, 0];
  reference.forEach((expected, image) => {
    const pairs = matchBoxes(expected, found[image], limits.box);
    for (const {expected: one, actual: other} of pairs) {
      const box = Math.max(...one.box.map((value, i) => Math.abs(value - other.box[i])));
      const score = Math.abs(one.score - other.score);
      figures.maxBoxDifference = Math.max(figures.maxBoxDifference ?? 0, box);
      figures.maxScoreDifference = Math.max(figures.maxScoreDifference ?? 0, score);
      if (sameKind(one, other) && score <= limits.score && box <= limits.box) agreeing++;
    }
    for (const [list, side] of [[expected, 'expected'], [found[image], 'actual']]) {
      borderline += countBorderline(list, new Set(pairs.map((pair) => pair[side])), limits.score);
    }
    figures.boxes += expected.length;
    figures.boxesFound += found[image].length;
  });
  const counted = figures.boxes + figures.boxesFound - borderline;
  const some = figures.boxes || figures.boxesFound;
  if (some) figures.agreement = counted ? (2 * agreeing) / counted : 0;
  return figures;
}
