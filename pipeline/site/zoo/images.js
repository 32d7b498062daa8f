// Images, made into what an input takes by its contract: size, colours, axes and numbers.
import {ZooError} from './errors.js';
import {closeShape, describe} from './shapes.js';

const PIXEL_MAX = 255;
const GRAY = [0.299, 0.587, 0.114];
const COLORS = {gray: 1, rgb: 3, bgr: 3, rgba: 4};
const CHANNELS = [1, 3, 4];

export const isImage = (value) => typeof value?.width === 'number'
  && typeof value.height === 'number';

// Make an image into a tensor for an input of the catalog.
export function makeImage(tf, image, input, options) {
  const axes = findAxes(input);
  let pixels = readPixels(tf, image, axes.number);
  if (axes.number === 1) pixels = pixels.mul(tf.tensor1d(GRAY)).sum(-1, true);
  if (input.color === 'bgr') pixels = pixels.reverse(-1);
  pixels = resizeImage(tf, pixels, axes.size, input.resize);
  pixels = scalePixels(pixels.cast('float32'), input, options);
  if (input.jsDtype !== 'float32') pixels = pixels.round().cast(input.jsDtype);
  if (axes.first) pixels = pixels.transpose([2, 0, 1]);
  return axes.ndim === 4 ? pixels.expandDims(0) : pixels;
}

// The part of an image that an input shows, in pixels of the image: {left, top, width, height}. It
// reaches beyond an image that is letterboxed.
export function findFrame(image, input) {
  const shown = imageSize(image);
  const place = placeImage([shown.height, shown.width], inputSize(image, input), input.resize);
  const [top, left, rows, columns] = place.part;
  const [above, before, innerHeight, innerWidth] = place.inner;
  const inImage = ([height, width]) => [height * rows / innerHeight, width * columns / innerWidth];
  const [[y, x], [frameHeight, frameWidth]] = [inImage([above, before]), inImage(place.size)];
  return {left: left - x, top: top - y, width: frameWidth, height: frameHeight};
}

// The size of an image as it is shown, or of a video as it is.
export const imageSize = (image) => ({
  width: image.videoWidth || image.width, height: image.videoHeight || image.height,
});

// The size that an image has in an input, [height, width].
export function inputSize(image, input) {
  const {width, height} = imageSize(image);
  const own = [height, width];
  return findAxes(input).size.map((size, i) => (size < 0 ? own[i] : size));
}

// Where height, width and channels are in an input for images, and their sizes.
function findAxes(input) {
  const {name, layout, color} = input;
  const shape = closeShape(input);
  const ndim = shape?.length ?? 4;
  if (ndim !== 3 && ndim !== 4) {
    throw new ZooError('input', `input '${name}' has shape ${describe(shape)}, which is no image`);
  }
  const [one, two, three] = (shape ?? [-1, -1, -1, -1]).slice(-3);
  const first = layout ? layout === 'nchw' : CHANNELS.includes(one) && !CHANNELS.includes(three);
  const [stated, height, width] = first ? [one, two, three] : [three, one, two];
  const number = stated < 0 ? COLORS[color] ?? 3 : stated;
  if (!CHANNELS.includes(number)) {
    throw new ZooError('input', `input '${name}' has ${number} channels; an image has 1, 3 or 4`);
  }
  return {first, number, ndim, size: [height, width]};
}

// How an image comes to a size: `part` of it, [top, left, height, width], is resized to that of
// `inner`, which says where in the input it lies.
function placeImage([rows, columns], size, how = 'stretch') {
  const [height, width] = size;
  const whole = {part: [0, 0, rows, columns], inner: [0, 0, height, width], size};
  if (how === 'crop') return {...whole, part: placeInside([rows, columns], [height, width])};
  if (how === 'letterbox') return {...whole, inner: placeInside([height, width], [rows, columns])};
  return whole;
}

// The largest part in the middle of a size that has the aspect of another.
function placeInside([height, width], [rows, columns]) {
  const share = Math.min(height / rows, width / columns);
  const [inner, across] = [rows, columns].map((one) => Math.max(1, Math.round(one * share)));
  return [(height - inner) >> 1, (width - across) >> 1, inner, across];
}

function resizeImage(tf, pixels, wanted, how) {
  const own = pixels.shape.slice(0, 2);
  const size = wanted.map((one, i) => (one < 0 ? own[i] : one));
  const {part: [y, x, rows, columns], inner: [above, before, height, width]} = placeImage(own, size, how);
  const cut = how === 'crop' ? pixels.slice([y, x, 0], [rows, columns, -1]) : pixels;
  const same = height === rows && width === columns;
  const sized = same ? cut : tf.image.resizeBilinear(cut, [height, width], false, true);
  if (how !== 'letterbox') return sized;
  return sized.pad([[above, size[0] - height - above], [before, size[1] - width - before], [0, 0]]);
}

// What was asked for comes before mean and standard deviation, and these before the range.
function scalePixels(pixels, input, {range}) {
  const {mean, std} = input;
  if (!range && (mean || std)) return pixels.sub(mean ?? 0).div(std ?? 1);
  // Nobody guesses the range of real numbers, nor that of signed bytes.
  const bytes = input.jsDtype === 'int32' && input.dtype !== 'int8' ? [0, PIXEL_MAX] : null;
  const [low, high] = chooseRange(input, range ?? input.range ?? bytes, 'pixels of 0 to 255', '[0, 1]');
  return pixels.mul((high - low) / PIXEL_MAX).add(low);
}

// Return the range that values become, or say how to state it.
export function chooseRange({name, dtype}, range, what, example) {
  if (Array.isArray(range) && range.length === 2 && range.every(Number.isFinite)) return range;
  throw new ZooError('input', `input '${name}' is ${dtype}, and nobody states what ${what} become; `
    + `pass {range: ${example}}, or another range, as the model was trained`);
}

function readPixels(tf, image, channels) {
  const {data, width, height} = image;
  const plain = ArrayBuffer.isView(data) && data.length === 4 * width * height;
  // Node.js has no ImageData; what looks like one is one.
  const pixels = plain ? {data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    width, height} : image;
  try {
    return tf.browser.fromPixels(pixels, Math.max(3, channels));
  } catch (error) {
    throw new ZooError('input', `the image cannot be read: ${error.message}`, {cause: error});
  }
}
