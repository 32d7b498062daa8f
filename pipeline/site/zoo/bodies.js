// Bodies: several of them from the maps of PoseNet: heat maps, offsets, and displacements along a tree of
// points. The same as decodeMultiplePoses() of @tensorflow-models/posenet computes.
import {sigmoid} from './results.js';

// Parent and child of each displacement, points as in COCO: nose, eyes, ears, shoulders, elbows, wrists,
// hips, knees, ankles, the left one first.
const TREE = [[0, 1], [1, 3], [0, 2], [2, 4], [0, 5], [5, 7], [7, 9], [5, 11], [11, 13], [13, 15],
  [0, 6], [6, 8], [8, 10], [6, 12], [12, 14], [14, 16]];
const POINTS = 17;
const LEAST_START = 0.5;
const SAME_PIXELS = 20;
const MOST_BODIES = 20;
const REFINEMENTS = 2;

// Whether the outputs are such maps.
export const areBodies = ({heatmaps, offsets, displacementsForward: down, displacementsBackward: up}) =>
  [[heatmaps, POINTS], [offsets, 2 * POINTS], [down, 2 * TREE.length], [up, 2 * TREE.length]]
    .every(([map, channels]) => map?.shape.at(-1) === channels);

// Return the points of each body, [{x, y, score}] in pixels of the input, and the body's score: that of the
// points that no likelier body has.
export function readBodies(found, [inputHeight, inputWidth], activation) {
  const [, height, width] = found.heatmaps.shape;
  const maps = {
    height, width, activation, ...found,
    down: (inputHeight - 1) / (height - 1),
    across: (inputWidth - 1) / (width - 1),
  };
  const bodies = [];
  for (const start of listStarts(maps)) {
    if (bodies.length === MOST_BODIES) break;
    if (isTaken(bodies, start, start.point)) continue;
    const points = growBody(start, maps);
    const own = points.filter((place, point) => !isTaken(bodies, place, point));
    const score = own.reduce((sum, one) => sum + one.score, 0) / POINTS;
    bodies.push({points, score});
  }
  return bodies;
}

const isTaken = (bodies, {x, y}, point) => bodies.some(({points}) =>
  (points[point].x - x) ** 2 + (points[point].y - y) ** 2 <= SAME_PIXELS ** 2);

const clampTo = (value, most) => Math.min(Math.max(value, 0), most - 1);

function scoreAt({heatmaps, width, activation}, row, column, point) {
  const value = heatmaps.values[(row * width + column) * POINTS + point];
  return activation === 'logit' ? sigmoid(value) : value;
}

// The place of a point by the offsets of a cell.
function placeOf({offsets, width, down, across}, row, column, point) {
  const start = (row * width + column) * 2 * POINTS + point;
  return {y: row * down + offsets.values[start], x: column * across + offsets.values[start + POINTS]};
}

// Cells that are likelier than those around them, the likeliest first, as places.
function listStarts(maps) {
  const {height, width} = maps;
  const starts = [];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      for (let point = 0; point < POINTS; point++) {
        const score = scoreAt(maps, row, column, point);
        if (score < LEAST_START || !isPeak(maps, row, column, point, score)) continue;
        starts.push({...placeOf(maps, row, column, point), score, point});
      }
    }
  }
  return starts.sort((one, other) => other.score - one.score);
}

function isPeak(maps, row, column, point, score) {
  for (let y = Math.max(0, row - 1); y <= Math.min(maps.height - 1, row + 1); y++) {
    for (let x = Math.max(0, column - 1); x <= Math.min(maps.width - 1, column + 1); x++) {
      if (scoreAt(maps, y, x, point) > score) return false;
    }
  }
  return true;
}

// From one point to its parents, and from there to all others.
function growBody({x, y, score, point}, maps) {
  const points = Array(POINTS).fill(null);
  points[point] = {x, y, score};
  for (let edge = TREE.length - 1; edge >= 0; edge--) {
    const [parent, child] = TREE[edge];
    if (points[child] && !points[parent]) {
      points[parent] = follow(points[child], edge, parent, maps, maps.displacementsBackward);
    }
  }
  TREE.forEach(([parent, child], edge) => {
    if (points[parent] && !points[child]) {
      points[child] = follow(points[parent], edge, child, maps, maps.displacementsForward);
    }
  });
  return points;
}

function follow(from, edge, point, maps, displacements) {
  const {height, width, down, across} = maps;
  const cellOf = (place) => [clampTo(Math.round(place.y / down), height), clampTo(Math.round(place.x / across), width)];
  const [row, column] = cellOf(from);
  const start = (row * width + column) * 2 * TREE.length + edge;
  let place = {y: from.y + displacements.values[start], x: from.x + displacements.values[start + TREE.length]};
  for (let step = 0; step < REFINEMENTS; step++) place = placeOf(maps, ...cellOf(place), point);
  return {...place, score: scoreAt(maps, ...cellOf(place), point)};
}
