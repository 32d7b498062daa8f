// Points: keypoints and landmarks with their names, in pixels of the image.
import {areBodies, readBodies} from './bodies.js';
import {findPlacement, toFractions} from './places.js';
import {
  conventionsOf, expectSingle, readResults, refuseResult, sigmoid, toProbabilities,
} from './results.js';

const ROLES = ['keypoints', 'landmarks', 'heatmaps'];
const LEAST_BODY = 0.15;
const VALUES = ['x', 'y', 'z', 'score'];

// Return the bodies, hands or faces that a model places points on: [{score, points: [{x, y, z, score,
// name}], edges}]; `edges` are pairs of points that belong together.
export async function findKeypoints(model, image, {threshold, ...options} = {}) {
  const {map, minScore = 0} = model.entry;
  const role = ROLES.find((name) => map[name]);
  if (!role) throw refuseResult(model, 'keypoints', `no output has the role ${ROLES.join(', ')}`);
  const placement = findPlacement(model, image, 'keypoints');
  const maps = ['offsets', 'displacementsForward', 'displacementsBackward'];
  const found = await readResults(model, image, [role, 'scores', ...maps], options);
  if (role === 'heatmaps' && areBodies(found)) {
    return describeBodies(model, found, placement, threshold ?? model.entry.minScore ?? LEAST_BODY);
  }
  const read = {keypoints: readKeypoints, landmarks: readLandmarks, heatmaps: readHeatmaps}[role];
  const bodies = read(model, found, placement).map((points) => ({
    score: readScore(model, found.scores, points),
    points: points.map((point, i) => ({...point, name: model.points?.names[i] ?? null})),
    edges: model.points?.edges ?? [],
  }));
  return bodies.filter(({score}) => score === null || score >= (threshold ?? minScore));
}

// Several bodies, the likeliest first.
function describeBodies(model, found, {move, size: [height, width]}, least) {
  expectSingle(found.heatmaps, model, 'keypoints');
  const {activation} = conventionsOf(model, 'heatmaps');
  return readBodies(found, [height, width], activation).filter(({score}) => score >= least)
    .sort((one, other) => other.score - one.score).map(({points, score}) => ({
      score,
      points: points.map(({x, y, score: sure}, i) => {
        const [left, top] = move([x / width, y / height]);
        return {x: left, y: top, score: sure, name: model.points?.names[i] ?? null};
      }),
      edges: model.points?.edges ?? [],
    }));
}

// How sure the model is that there is anything: its own score, or else the mean of its points.
function readScore(model, scores, points) {
  if (scores?.values.length === 1) {
    return toProbabilities(Array.from(scores.values), conventionsOf(model, 'scores'))[0];
  }
  const own = points.map(({score}) => score).filter((score) => score !== undefined);
  return own.length ? own.reduce((sum, score) => sum + score, 0) / own.length : null;
}

function readKeypoints(model, {keypoints: {shape, values}}, {move, size}) {
  const {columns, order, scale} = conventionsOf(model, 'keypoints');
  const names = columns?.split(', ') ?? (order && [...order]);
  if (!names) {
    throw refuseResult(model, 'keypoints', 'nobody states the order of its keypoints, yx or xy; '
      + 'models.yaml can, conventions: {keypoints: {order: …}}');
  }
  const toFraction = toFractions(model, 'keypoints', scale, size, 'keypoints');
  const [number, width] = shape.slice(-2);
  return Array.from({length: values.length / (number * width)}, (_, body) =>
    Array.from({length: number}, (_unused, point) => {
      const start = (body * number + point) * width;
      const value = (name) => values[start + names.indexOf(name)];
      const [x, y] = move(toFraction([value('x'), value('y')]));
      return {x, y, ...Object.fromEntries(['z', 'score'].filter((name) => names.includes(name))
        .map((name) => [name, value(name)]))};
    }));
}

// Landmarks are x, y, mostly z, and maybe how visible they are, of one point after another.
function readLandmarks(model, {landmarks}, {move, size}) {
  expectSingle(landmarks, model, 'keypoints');
  const {points, scale} = conventionsOf(model, 'landmarks');
  const number = model.points?.names.length ?? Number(points);
  const width = landmarks.values.length / number;
  if (!Number.isInteger(width) || width < 2) {
    throw refuseResult(model, 'keypoints', 'nobody states how many landmarks it has; models.yaml can, '
      + 'points: {names: […]} or conventions: {landmarks: {points: …}}');
  }
  const toFraction = toFractions(model, 'landmarks', scale, size, 'keypoints');
  const {activation} = conventionsOf(model, 'landmarks');
  const read = (start) => Object.fromEntries(VALUES.slice(0, width)
    .map((name, i) => [name, landmarks.values[start + i]]));
  return [Array.from({length: number}, (_, i) => {
    const {score, ...point} = read(i * width);
    const [x, y] = move(toFraction([point.x, point.y]));
    return {...point, x, y,
      ...score !== undefined && {score: activation === 'logit' ? sigmoid(score) : score}};
  })];
}

// The best cell of each heat map, and where in it the point lies, in pixels of the input. This is one
// body: the most likely place of each point.
function readHeatmaps(model, {heatmaps, offsets}, {move, size: [inputHeight, inputWidth]}) {
  expectSingle(heatmaps, model, 'keypoints');
  const [, height, width, number] = heatmaps.shape;
  const {activation} = conventionsOf(model, 'heatmaps');
  return [Array.from({length: number}, (_, point) => {
    let best = point;
    for (let at = point; at < heatmaps.values.length; at += number) {
      if (heatmaps.values[at] > heatmaps.values[best]) best = at;
    }
    const cell = (best - point) / number;
    const [row, column] = [Math.floor(cell / width), cell % width];
    const score = activation === 'logit' ? sigmoid(heatmaps.values[best]) : heatmaps.values[best];
    if (!offsets) {
      const [x, y] = move([(column + 0.5) / width, (row + 0.5) / height]);
      return {x, y, score};
    }
    // Cells with offsets lie at the corners of a grid that spans the input.
    const start = cell * 2 * number + point;
    const [x, y] = move([
      (column * (inputWidth - 1) / (width - 1) + offsets.values[start + number]) / inputWidth,
      (row * (inputHeight - 1) / (height - 1) + offsets.values[start]) / inputHeight,
    ]);
    return {x, y, score};
  })];
}
