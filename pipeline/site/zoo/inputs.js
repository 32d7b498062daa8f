// Inputs: what a page has (images, arrays, tensors), made into what a model takes.
import {ZooError} from './errors.js';

const PIXEL_MAX = 255;
const GRAY = [0.299, 0.587, 0.114];
const CHANNELS = [1, 3, 4];

const isTensor = (value) => typeof value?.dataSync === 'function' && Array.isArray(value.shape);
const isImage = (value) => typeof value?.width === 'number' && typeof value.height === 'number';
const isPlain = (value) => value !== null && typeof value === 'object' && !ArrayBuffer.isView(value)
  && !Array.isArray(value) && !isTensor(value) && !isImage(value);
const describe = (shape) => (shape ? `[${shape.map((size) => (size < 0 ? '?' : size)).join(', ')}]`
  : 'any shape');

// Return a tensor for each input [{name, jsDtype, shape}] by its name. Tensors that were given
// and are right as they are stay the caller's.
export function makeInputs(tf, given, inputs, options) {
  const byName = isPlain(given) ? given : nameOnly(given, inputs);
  const unknown = Object.keys(byName).find((name) => !inputs.some((input) => input.name === name));
  if (unknown !== undefined) {
    throw new ZooError('input', `there is no input '${unknown}'; it has ${list(inputs)}`);
  }
  const tensors = tf.tidy(() => inputs.map((input) => {
    if (byName[input.name] == null) {
      throw new ZooError('input', `input '${input.name}' is missing; it takes ${list(inputs)}`);
    }
    return makeInput(tf, byName[input.name], input, options);
  }));
  return Object.fromEntries(inputs.map(({name}, i) => [name, tensors[i]]));
}

const list = (inputs) => inputs.map(({name, shape, jsDtype}) =>
  `'${name}' ${jsDtype} ${describe(shape)}`).join(', ');

function nameOnly(given, inputs) {
  if (given == null) throw new ZooError('input', `no input was given; it takes ${list(inputs)}`);
  if (inputs.length === 1) return {[inputs[0].name]: given};
  throw new ZooError('input', `it has ${inputs.length} inputs; name them: {name: value} with `
    + list(inputs));
}

function makeInput(tf, value, input, options) {
  if (isImage(value) && !isTensor(value)) return makeImage(tf, value, input, options);
  return fit(tf, isTensor(value) ? value : makeTensor(tf, value, input), input);
}

function makeTensor(tf, value, {name, jsDtype, shape}) {
  try {
    const flat = ArrayBuffer.isView(value);
    const values = flat && jsDtype === 'bool' ? Uint8Array.from(value) : value;
    const tensor = tf.tensor(values, undefined, jsDtype === 'string' ? 'string' : undefined);
    return flat && shape ? tensor.reshape(fillShape(shape, tensor.size, name)) : tensor;
  } catch (error) {
    if (error instanceof ZooError) throw error;
    throw new ZooError('input', `input '${name}': ${error.message}`, {cause: error});
  }
}

// The shape that so many values have: the batch is one, and one unknown size follows from it.
function fillShape(shape, size, name) {
  const fits = (candidate) => candidate.every((one) => one >= 0)
    && candidate.reduce((product, one) => product * one, 1) === size;
  const solve = (candidate) => {
    const known = candidate.filter((one) => one >= 0).reduce((product, one) => product * one, 1);
    return candidate.map((one) => (one >= 0 ? one : size / known));
  };
  const unknown = shape.filter((one) => one < 0).length;
  const single = shape.map((one, i) => (i === 0 && one < 0 ? 1 : one));
  const candidates = [solve(single), solve(shape)].filter((candidate) => fits(candidate)
    && candidate.every(Number.isInteger));
  if (candidates.length && unknown <= 2) return candidates[0];
  throw new ZooError('input', `input '${name}': ${size} values do not make ${describe(shape)}`
    + (unknown > 1 ? '; pass a tensor, whose shape is known' : ''));
}

// Give a tensor the dtype of the input, and the axis of the batch where only that is missing.
function fit(tf, tensor, {name, jsDtype, shape}) {
  if ((tensor.dtype === 'string') !== (jsDtype === 'string')) {
    throw new ZooError('input', `input '${name}' is ${jsDtype}; a ${tensor.dtype} was given`);
  }
  const batched = shape && tensor.shape.length === shape.length - 1 && Math.abs(shape[0]) === 1
    ? tensor.expandDims(0) : tensor;
  const fitting = !shape || (batched.shape.length === shape.length
    && shape.every((size, axis) => size < 0 || size === batched.shape[axis]));
  if (!fitting) {
    throw new ZooError('input', `input '${name}' has shape ${describe(shape)}; `
      + `${describe(tensor.shape)} was given`);
  }
  return batched.dtype === jsDtype ? batched : batched.cast(jsDtype);
}

// Where height, width and channels are in an input for images.
function findAxes({name, shape}) {
  if (!shape) return {rows: 1, columns: 2, channels: 3, number: 3, ndim: 4};
  const ndim = shape.length;
  if (ndim !== 3 && ndim !== 4) {
    throw new ZooError('input', `input '${name}' has shape ${describe(shape)}, which is no image`);
  }
  const start = ndim - 3;
  const first = CHANNELS.includes(shape[start]) && !CHANNELS.includes(shape[ndim - 1]);
  const channels = first ? start : ndim - 1;
  const number = shape[channels] < 0 ? 3 : shape[channels];
  if (!CHANNELS.includes(number)) {
    throw new ZooError('input', `input '${name}' has ${number} channels; an image has 1, 3 or 4`);
  }
  return {rows: start + first, columns: start + 1 + first, channels, number, ndim};
}

// Make an image into what a model takes: size, channels, their axis, batch, range and dtype.
function makeImage(tf, image, input, {range}) {
  const axes = findAxes(input);
  const [low, high] = chooseRange(input, range);
  let pixels = readPixels(tf, image, axes.number);
  if (axes.number === 1) pixels = pixels.mul(tf.tensor1d(GRAY)).sum(-1, true);
  const {shape} = input;
  const size = [axes.rows, axes.columns].map((axis, i) =>
    (shape && shape[axis] > 0 ? shape[axis] : pixels.shape[i]));
  if (size.some((one, i) => one !== pixels.shape[i])) {
    pixels = tf.image.resizeBilinear(pixels, size, false, true);
  }
  const whole = input.jsDtype !== 'float32';
  const scaled = pixels.cast('float32').mul((high - low) / PIXEL_MAX).add(low);
  pixels = whole ? scaled.round() : scaled;
  if (axes.channels < axes.rows) pixels = pixels.transpose([2, 0, 1]);
  if (axes.ndim === 4) pixels = pixels.expandDims(0);
  return pixels.dtype === input.jsDtype ? pixels : pixels.cast(input.jsDtype);
}

function chooseRange(input, range) {
  const chosen = range ?? input.range ?? (input.jsDtype === 'float32' ? null : [0, PIXEL_MAX]);
  if (Array.isArray(chosen) && chosen.length === 2 && chosen.every(Number.isFinite)) return chosen;
  throw new ZooError('input', `input '${input.name}' is float32, and the catalog does not say what `
    + 'pixels become; pass {range: [0, 1]}, [-1, 1] or [0, 255], as the model was trained');
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
