// Masks and images that a model makes, as ImageData of the image's own size.
import {colorOf} from './draw.js';
import {ZooError} from './errors.js';
import {findPlacement} from './places.js';
import {
  conventionsOf, expectSingle, labelsOf, readResults, refuseResult, sigmoid, soleInput,
} from './results.js';

const BYTE = 255;

// Return what a model tells apart: {mask: ImageData, classes, labels}. With one class the mask is white,
// and its alpha is how likely each pixel belongs to it; with several each has a colour, class 0 none,
// and `classes` holds the class of each pixel.
export async function segment(model, image, options) {
  const role = ['mask', 'alpha'].find((name) => model.entry.map[name]);
  if (!role) throw refuseResult(model, 'segment', 'no output has the role mask or alpha');
  const placement = findPlacement(model, image, 'segment');
  const {[role]: mask} = await readResults(model, image, [role], options);
  expectSingle(mask, model, 'segment');
  const grid = readGrid(mask, conventionsOf(model, role));
  const labels = labelsOf(model, [role]);
  const found = grid.channels === 1 && !grid.whole ? paintShare(grid, placement)
    : paintClasses(grid, placement);
  return {...found, labels};
}

function readGrid({shape, values}, {activation}) {
  const [height, width, channels = 1] = shape.slice(1);
  const whole = shape.length === 3 && values.every(Number.isInteger);
  const value = activation === 'logit' && channels === 1 ? (at) => sigmoid(values[at]) : (at) => values[at];
  return {height, width, channels, whole, value};
}

// For each pixel of the image the place in the grid, or null where the input does not show it.
function* eachPixel({width, height}, {frame, image}) {
  for (let row = 0, pixel = 0; row < image.height; row++) {
    const y = (row + 0.5 - frame.top) / frame.height * height - 0.5;
    for (let column = 0; column < image.width; column++, pixel++) {
      const x = (column + 0.5 - frame.left) / frame.width * width - 0.5;
      if (x >= -0.5 && y >= -0.5 && x <= width - 0.5 && y <= height - 0.5) yield [pixel, x, y];
    }
  }
}

const clampIndex = (index, size) => Math.min(Math.max(index, 0), size - 1);

function paintShare(grid, placement) {
  const mask = makeImageData(placement.image);
  const {width, height, value} = grid;
  for (const [pixel, x, y] of eachPixel(grid, placement)) {
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const [toRight, down] = [x - left, y - top];
    const at = (row, column) => value(clampIndex(row, height) * width + clampIndex(column, width));
    const upper = at(top, left) * (1 - toRight) + at(top, left + 1) * toRight;
    const lower = at(top + 1, left) * (1 - toRight) + at(top + 1, left + 1) * toRight;
    mask.data.fill(BYTE, 4 * pixel, 4 * pixel + 3);
    mask.data[4 * pixel + 3] = BYTE * (upper * (1 - down) + lower * down);
  }
  return {mask, classes: null};
}

function paintClasses(grid, placement) {
  const {width, height, channels, value} = grid;
  const mask = makeImageData(placement.image);
  const classes = new Uint16Array(mask.width * mask.height);
  const cells = Uint16Array.from({length: width * height}, (_, cell) => {
    if (channels === 1) return Math.round(value(cell));
    let best = 0;
    for (let one = 1; one < channels; one++) {
      if (value(cell * channels + one) > value(cell * channels + best)) best = one;
    }
    return best;
  });
  for (const [pixel, x, y] of eachPixel(grid, placement)) {
    const row = clampIndex(Math.round(y), height);
    classes[pixel] = cells[row * width + clampIndex(Math.round(x), width)];
    if (classes[pixel]) mask.data.set([...colorOf(classes[pixel]), BYTE], 4 * pixel);
  }
  return {mask, classes};
}

// Node.js has no ImageData; what looks like one does there.
export function makeImageData({width, height}) {
  const [columns, rows] = [Math.round(width), Math.round(height)];
  return globalThis.ImageData ? new ImageData(columns, rows)
    : {width: columns, height: rows, data: new Uint8ClampedArray(4 * columns * rows)};
}

// Return the image that a model makes of one, as ImageData. `outputRange` is what its pixels are; where
// nobody states it, those of the input.
export async function enhance(model, image, {outputRange, ...options} = {}) {
  if (!model.entry.map.image) throw refuseResult(model, 'enhance', 'no output has the role image');
  const {image: made} = await readResults(model, image, ['image'], options);
  expectSingle(made, model, 'enhance');
  const stated = conventionsOf(model, 'image').range?.split(', ').map(Number);
  const range = outputRange ?? stated ?? options.range ?? soleInput(model, 'enhance').range;
  if (!range) throw new ZooError('input', `${model.name}: nobody states the range of its image; pass {outputRange}`);
  const [, height, width, channels] = made.shape;
  const painted = makeImageData({width, height});
  const toByte = (value) => BYTE * (value - range[0]) / (range[1] - range[0]);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let one = 0; one < 3; one++) {
      const at = pixel * channels + (channels < 3 ? 0 : one);
      painted.data[4 * pixel + one] = toByte(made.values[at]);
    }
    painted.data[4 * pixel + 3] = channels === 4 ? toByte(made.values[4 * pixel + 3]) : BYTE;
  }
  return painted;
}
