// Grids: boxes of detectors that return a row for each candidate, mostly the cells of grids over the
// image, by the rule that the catalog states (`decode`).
import {readResults, refuseResult, sigmoid, softmax} from './results.js';

// Return the candidates that are likely enough, [{kind, score, corners, points}].
export async function readGrids(model, image, {placement, least, options}) {
  const {decode} = model.entry;
  const names = [...new Set([...decode.boxes, ...decode.scores])];
  const found = await readResults(model, image, names, options);
  const cells = decode.kind === 'boxes' ? null : listCells(decode, placement.size);
  const candidates = [];
  let first = 0;
  decode.boxes.forEach((name, i) => {
    const boxes = found[name];
    const table = openTable(boxes, found[decode.scores[i]], decode);
    if (!table || (cells && first + table.rows > cells.length)) {
      throw refuseResult(model, 'detect', `its boxes ${boxes.shape} do not fit its rule (decode)`);
    }
    for (let row = 0; row < table.rows; row++) {
      const best = findBest(table, row, decode);
      if (best.score < least) continue;
      const numbers = table.read('box', row);
      const own = cells ? readCell(numbers, cells[first + row], decode, placement.size)
        : readBox(numbers, table.read('points', row), model, placement.size);
      candidates.push({...best, ...own});
    }
    first += table.rows;
  });
  return candidates;
}

// The candidates of an output that has all of them, or of two with boxes and scores, cut into their
// columns; null where these do not fit.
function openTable(boxes, scores, {columns, layout}) {
  const [rows, width] = layout === 'columns' ? boxes.shape.slice(-2).reverse() : boxes.shape.slice(-2);
  const parts = columns ? cutColumns(columns, boxes.values) : {
    box: {values: boxes.values, start: 0, size: width, width},
    scores: {values: scores.values, start: 0, size: scores.values.length / rows,
      width: scores.values.length / rows},
  };
  const fits = Object.values(parts).every((part) => Number.isInteger(part.size)
    && part.width * rows === part.values.length);
  if (!fits) return null;
  const at = ({values, start, width: across}, row, column) =>
    values[layout === 'columns' ? (start + column) * rows + row : row * across + start + column];
  const read = (name, row) => (parts[name]
    ? Array.from({length: parts[name].size}, (_, column) => at(parts[name], row, column)) : null);
  return {rows, read, number: parts.scores.size, score: (row, column) => at(parts.scores, row, column)};
}

// Where in a row each part lies: "scores (80)" has 80 numbers.
function cutColumns(columns, values) {
  const cut = columns.map((one) => /^(\w+) \((\d+)\)$/.exec(one)).map(([, name, size]) => [name, Number(size)]);
  const width = cut.reduce((sum, [, size]) => sum + size, 0);
  let start = 0;
  return Object.fromEntries(cut.map(([name, size]) => {
    start += size;
    return [name, {values, start: start - size, size, width}];
  }));
}

// The likeliest class of a candidate, and how likely it is that there is one at all.
function findBest(table, row, {activation, background}) {
  const first = background ? 1 : 0;
  let best = first;
  for (let one = first + 1; one < table.number; one++) {
    if (table.score(row, one) > table.score(row, best)) best = one;
  }
  const value = table.score(row, best);
  const score = activation === 'sigmoid' ? sigmoid(value)
    : activation === 'softmax' ? softmax(table.read('scores', row))[best] : value;
  const [objectness] = table.read('objectness', row) ?? [];
  const share = objectness === undefined ? 1 : activation === 'none' ? objectness : sigmoid(objectness);
  return {score: score * share, kind: table.number > 1 ? best : 0};
}

// A box as it stands in a row, and points behind it, each maybe with its score.
function readBox(numbers, others, {entry: {decode: {order, form, scale}}, points}, [height, width]) {
  const [right, down] = scale === 'pixels' ? [width, height] : [1, 1];
  const turn = ([a, b]) => (order === 'yx' ? [b / right, a / down] : [a / right, b / down]);
  const [[a, b], [c, d]] = [turn(numbers), turn(numbers.slice(2))];
  const corners = form === 'centre' ? [a - c / 2, b - d / 2, a + c / 2, b + d / 2]
    : [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];
  const size = others ? others.length / points.names.length : 0;
  return {corners, ...others && {points: points.names.map((_, i) =>
    [...turn(others.slice(i * size)), ...size > 2 ? [others[i * size + 2]] : []])}};
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
