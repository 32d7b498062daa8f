// Detections: boxes with labels in pixels of the image, from whatever form a detector has.
import {readGrids} from './grids.js';
import {findPlacement, toFractions} from './places.js';
import {
  conventionsOf, expectSingle, labelsOf, readResults, refuseResult, toProbabilities,
} from './results.js';

const SCORE = 0.5;

// Return what a detector finds, the best first: [{label, score, class, box: {x, y, width, height},
// points}]; `points` are there where a model has some for each box.
export async function detect(model, image,
  {threshold, iou = 0.5, max = 100, ...options} = {}) {
  const {decode, map, minScore} = model.entry;
  const read = decode ? readGrids : map.detections ? readPacked
    : map.boxes && map.scores ? readBoxes : null;
  if (!read) {
    throw refuseResult(model, 'detect', 'it has neither boxes and scores, nor detections, nor a '
      + 'rule that decodes its outputs (decode: in models.yaml)');
  }
  const placement = findPlacement(model, image, 'detect');
  const least = threshold ?? minScore ?? SCORE;
  const found = await read(model, image, {placement, least, options});
  const labels = labelsOf(model, ['classes', 'detections', 'scores', ...decode?.scores ?? []]);
  return suppress(found.filter(({score}) => score >= least), iou).slice(0, max)
    .map((one) => describeDetection(one, placement, labels, model.points));
}

function describeDetection({kind, score, corners, points}, {move, image}, labels, named) {
  const [[x0, y0], [x1, y1]] = [move(corners.slice(0, 2)), move(corners.slice(2))];
  const clip = (value, most) => Math.min(Math.max(value, 0), most);
  const [left, right] = [clip(x0, image.width), clip(x1, image.width)];
  const [top, bottom] = [clip(y0, image.height), clip(y1, image.height)];
  const label = typeof kind === 'string' ? kind : labels?.[kind ?? 0] ?? null;
  return {
    label,
    score,
    class: kind,
    box: {x: left, y: top, width: right - left, height: bottom - top},
    ...points && {points: points.map((point, i) => {
      const [[x, y], sure] = [move(point), point[2]];
      return {x, y, ...sure !== undefined && {score: sure}, name: named?.names[i] ?? null};
    })},
  };
}

// Boxes, scores and maybe classes as outputs of their own.
async function readBoxes(model, image, {placement, options}) {
  const roles = ['boxes', 'scores', 'classes', 'count'];
  const {boxes, scores, classes, count} = await readResults(model, image, roles, options);
  const {order, form = 'corners', scale} = conventionsOf(model, 'boxes');
  const conventions = conventionsOf(model, 'scores');
  const rows = boxes.values.length / 4;
  const columns = rows ? scores.values.length / rows : 1;
  if (!Number.isInteger(columns)) throw refuseResult(model, 'detect', 'scores and boxes differ in number');
  const used = count ? Math.min(rows, Math.round(count.values[0])) : rows;
  const read = readCorners(model, 'boxes', {order, form, scale}, placement.size);
  return Array.from({length: used}, (_, row) => {
    const own = toProbabilities(
      Array.from(scores.values.slice(row * columns, (row + 1) * columns)), conventions);
    const score = Math.max(...own);
    const kind = classes ? classes.values[row] : columns > 1 ? own.indexOf(score) : null;
    return {
      score,
      kind: typeof kind === 'number' ? Math.round(kind) : kind,
      corners: read(boxes.values.slice(4 * row, 4 * row + 4)),
    };
  });
}

// Rows that hold box, score and class.
async function readPacked(model, image, {placement, options}) {
  const {detections} = await readResults(model, image, ['detections'], options);
  expectSingle(detections, model, 'detect');
  const {columns, order, form = 'corners', scale} = conventionsOf(model, 'detections');
  if (!columns) {
    throw refuseResult(model, 'detect', 'nobody states the columns of its detections');
  }
  const names = columns.split(', ').flatMap((name) => (name === 'box (4)' ? Array(4).fill('box') : [name]));
  const start = names.findIndex((name) => name !== 'score' && name !== 'class');
  const [score, kind] = [names.indexOf('score'), names.indexOf('class')];
  const read = readCorners(model, 'detections', {order, form, scale}, placement.size);
  const width = names.length;
  return Array.from({length: detections.values.length / width}, (_, row) => {
    const values = detections.values.slice(row * width, (row + 1) * width);
    return {
      score: values[score],
      kind: kind < 0 ? null : Math.round(values[kind]),
      corners: read(values.slice(start, start + 4)),
    };
  });
}

// Return what makes x0, y0, x1, y1 of four numbers, in fractions of the input.
function readCorners(model, role, {order, form, scale}, size) {
  if (!order) {
    throw refuseResult(model, 'detect', `nobody states the order of ${role}, yxyx or xyxy; models.yaml `
      + `can, conventions: {${role}: {order: …}}`);
  }
  const toFraction = toFractions(model, role, scale, size, 'detect');
  return (numbers) => {
    const [a, b, c, d] = order === 'yxyx' ? [numbers[1], numbers[0], numbers[3], numbers[2]] : numbers;
    const [x0, y0, x1, y1] = form === 'centre' ? [a - c / 2, b - d / 2, a + c / 2, b + d / 2]
      : [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];
    return [...toFraction([x0, y0]), ...toFraction([x1, y1])];
  };
}

// Non-maximum suppression, each class on its own: the best boxes that do not overlap a better one.
export function suppress(found, iou) {
  const kept = [];
  for (const one of [...found].sort((some, others) => others.score - some.score)) {
    const hidden = kept.some((better) => better.kind === one.kind
      && overlapOf(better.corners, one.corners) > iou);
    if (!hidden) kept.push(one);
  }
  return kept;
}

function overlapOf(one, other) {
  const side = (low, high) => Math.max(0, Math.min(one[high], other[high]) - Math.max(one[low], other[low]));
  const area = ([x0, y0, x1, y1]) => (x1 - x0) * (y1 - y0);
  const shared = side(0, 2) * side(1, 3);
  const union = area(one) + area(other) - shared;
  return union > 0 ? shared / union : 0;
}
