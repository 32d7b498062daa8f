// Rows compared as a set: one agrees when a row of the other list has the same values, wherever it
// stands. The same as pipeline/proof/judge/row_matching.py computes.
import {asText} from './figures.js';
import {count} from './shapes.js';

// Compare two outputs; `batches` has on each vector the size of the batch, or null.
export function compareRows(reference, found, {atol, rtol, batches}) {
  const figures = {rows: 0, rowsFound: 0, agreement: 1};
  let agreeing = 0;
  reference.forEach((expected, vector) => {
    const [images, others] = [expected, found[vector]]
      .map((one) => splitRows(one, batches[vector]));
    figures.rows += images.reduce((sum, rows) => sum + rows.length, 0);
    figures.rowsFound += others.reduce((sum, rows) => sum + rows.length, 0);
    images.slice(0, others.length).forEach((rows, i) => {
      agreeing += countPairs(rows, others[i], {atol, rtol});
    });
  });
  const total = figures.rows + figures.rowsFound;
  if (total) figures.agreement = (2 * agreeing) / total;
  return figures;
}

function splitRows({shape, dtype, values}, batch) {
  const list = dtype === 'string' ? values.map(asText) : values;
  const batched = shape.length > 1 && shape[0] === batch;
  const images = batched ? batch : 1;
  const inner = batched ? shape.slice(1) : shape;
  const number = inner.length ? inner[0] : 1;
  const width = number ? count(inner) / number : 0;
  return Array.from({length: images}, (_, image) => Array.from({length: number}, (_unused, row) => {
    const start = (image * number + row) * width;
    return list.slice(start, start + width);
  }));
}

// By how much the farthest value of a row is beyond the limits; 0 and less agrees.
function excess(row, other, {atol, rtol}) {
  if (row.length !== other.length) return Infinity;
  let farthest = -Infinity;
  for (let i = 0; i < row.length; i++) {
    const [r, a] = [row[i], other[i]];
    if (r === a || (Number.isNaN(r) && Number.isNaN(a))) {
      farthest = Math.max(farthest, -atol);
      continue;
    }
    const beyond = Math.abs(a - r) - (atol + (Number.isFinite(r) ? rtol * Math.abs(r) : 0));
    // Texts and a single NaN are no numbers; nothing is as far away.
    if (Number.isNaN(beyond) || typeof r === 'string') return Infinity;
    farthest = Math.max(farthest, beyond);
  }
  return farthest;
}

const agree = (row, other, limits) => excess(row, other, limits) <= 0;

function countPairs(reference, found, limits) {
  if (reference[0]?.length === 1 && typeof reference[0][0] === 'number') {
    return countSorted(reference.map(([one]) => one), found.map(([one]) => one), limits);
  }
  // What stands in its place is not looked for, so that long lists take no time.
  const stays = reference.map((row, i) => i < found.length && agree(row, found[i], limits));
  const free = found.filter((_, i) => !stays[i]);
  let pairs = stays.filter(Boolean).length;
  for (const row of reference.filter((_, i) => !stays[i])) {
    const far = free.map((other) => excess(row, other, limits));
    const nearest = far.indexOf(Math.min(...far));
    if (!(far[nearest] <= 0)) continue;
    free.splice(nearest, 1);
    pairs++;
  }
  return pairs;
}

// The most pairs that two lists of numbers allow, by walking both in order.
function countSorted(reference, found, limits) {
  const ascend = (list) => Float64Array.from(list.filter((one) => !Number.isNaN(one))).sort();
  const [expected, actual] = [ascend(reference), ascend(found)];
  // NaN of one list are partners of those of the other.
  let pairs = Math.min(reference.length - expected.length, found.length - actual.length);
  for (let i = 0, j = 0; i < expected.length && j < actual.length;) {
    if (agree([expected[i]], [actual[j]], limits)) {
      i++;
      j++;
      pairs++;
    } else if (actual[j] < expected[i]) {
      j++;
    } else {
      i++;
    }
  }
  return pairs;
}
