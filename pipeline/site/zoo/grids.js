// Grids: boxes of detectors that return a row for each cell of grids over the image, by the rule that
// the catalog states (`decode`).
import {readResults, refuseResult, sigmoid, softmax} from './results.js';

// Return the candidates that are likely enough, [{kind, score, corners, points}].
export async function readGrids(model, image, {placement, least, options}) {
  const {decode} = model.entry;
  const found = await readResults(model, image, [...decode.boxes, ...decode.scores], options);
  const parts = decode.boxes.map((name, i) =>
    ({boxes: found[name], scores: found[decode.scores[i]]}));
  const cells = listCells(decode, placement.size);
  const candidates = [];
  let first = 0;
  for (const {boxes, scores} of parts) {
    const [rows, width] = boxes.shape.slice(-2);
    const columns = scores.values.length / rows;
    if (!Number.isInteger(columns) || first + rows > cells.length) {
      throw refuseResult(model, 'detect', `its boxes ${boxes.shape} do not fit its grids`);
    }
    for (let row = 0; row < rows; row++) {
      const best = bestColumn(scores.values, row * columns, columns, decode);
      if (best.score < least) continue;
      const numbers = Array.from(boxes.values.slice(row * width, (row + 1) * width));
      candidates.push({...best, ...readCell(numbers, cells[first + row], decode, placement.size)});
    }
    first += rows;
  }
  return candidates;
}

function bestColumn(values, start, columns, {activation, background}) {
  let best = start + (background ? 1 : 0);
  for (let at = best + 1; at < start + columns; at++) if (values[at] > values[best]) best = at;
  const score = activation === 'sigmoid' ? sigmoid(values[best])
    : activation === 'softmax' ? softmax(Array.from(values.slice(start, start + columns)))[best - start]
    : values[best];
  return {score, kind: columns > 1 ? best - start : 0};
}

// The cells of all grids in the order of rows: centre and size as fractions of the input, stride.
export function listCells({strides, anchors, perCell, offset = 0.5}, [height, width]) {
  return strides.flatMap((stride, grid) => {
    const [rows, columns] = [Math.ceil(height / stride), Math.ceil(width / stride)];
    const sizes = anchors?.[grid] ?? Array(perCell?.[grid] ?? 1).fill([1, 1]);
    return Array.from({length: rows * columns}, (_, cell) => sizes.map(([w, h]) => ({
      x: (cell % columns + offset) * stride / width,
      y: (Math.floor(cell / columns) + offset) * stride / height,
      w, h, stride,
    }))).flat();
  });
}

function readCell(numbers, cell, decode, [height, width]) {
  return decode.kind === 'distances' ? readDistances(numbers, cell, [height, width])
    : readOffsets(numbers, cell, decode, [height, width]);
}

// Distances to left, top, right and bottom in strides; each the mean of its bins where it has some.
function readDistances(numbers, {x, y, stride}, [height, width]) {
  const bins = numbers.length / 4;
  const [left, top, right, bottom] = [0, 1, 2, 3].map((side) => (bins === 1 ? numbers[side]
    : softmax(numbers.slice(side * bins, (side + 1) * bins))
      .reduce((sum, share, bin) => sum + share * bin, 0)) * stride);
  return {corners: [x - left / width, y - top / height, x + right / width, y + bottom / height]};
}

// Offsets from an anchor. Those of SSD are in its size, times variances, and sizes are logarithms;
// those of BlazeFace are in pixels of the input.
function readOffsets(numbers, {x, y, w, h}, {order, variances}, [height, width]) {
  const swapped = order === 'yx';
  const pairs = Array.from({length: numbers.length / 2}, (_, i) =>
    (swapped ? [numbers[2 * i + 1], numbers[2 * i]] : [numbers[2 * i], numbers[2 * i + 1]]));
  const [of, by] = variances ?? [1, 1];
  const [sx, sy] = variances ? [of * w, of * h] : [1 / width, 1 / height];
  const at = ([dx, dy]) => [x + dx * sx, y + dy * sy];
  const [centre, size, ...points] = pairs;
  const [cx, cy] = at(centre);
  const [bw, bh] = variances ? [w * Math.exp(by * size[0]), h * Math.exp(by * size[1])]
    : [size[0] / width, size[1] / height];
  return {
    corners: [cx - bw / 2, cy - bh / 2, cx + bw / 2, cy + bh / 2],
    ...points.length && {points: points.map(at)},
  };
}
