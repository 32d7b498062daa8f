// Inputs: what a page has (images, sounds, arrays, tensors), made into what a model takes.
import {ZooError} from './errors.js';
import {isImage, makeImage} from './images.js';
import {closeShape, describe, fillShape} from './shapes.js';
import {isSound, readSound} from './sounds.js';

const isTensor = (value) => typeof value?.dataSync === 'function' && Array.isArray(value.shape);
const isPlain = (value) => value !== null && typeof value === 'object' && !ArrayBuffer.isView(value)
  && !Array.isArray(value) && !isTensor(value) && !isImage(value) && !isSound(value);

// Whether a page need not give an input: it is always the same, or comes from the run before.
export const isFilled = ({constant, state}) => constant != null || Boolean(state);

// Return a tensor for each input of the catalog by its name. Tensors that were given and are right
// as they are stay the caller's, and so do those of `state`, which stand for inputs by name.
export async function makeInputs(tf, given, inputs, {state, ...options}) {
  const asked = inputs.filter((input) => !isFilled(input));
  const byName = isPlain(given) ? given : nameOnly(given, asked);
  const unknown = Object.keys(byName).find((name) => !inputs.some((input) => input.name === name));
  if (unknown !== undefined) {
    throw new ZooError('input', `there is no input '${unknown}'; it has ${list(inputs)}`);
  }
  const values = await Promise.all(inputs.map(async (input) => {
    const value = byName[input.name] ?? state[input.name];
    if (value == null && !isFilled(input)) {
      throw new ZooError('input', `input '${input.name}' is missing; it takes ${list(asked)}`);
    }
    return isSound(value) ? readSound(value, input, options) : value;
  }));
  const tensors = tf.tidy(() => inputs.map((input, i) => makeInput(tf, values[i], input, options)));
  return Object.fromEntries(inputs.map(({name}, i) => [name, tensors[i]]));
}

const list = (inputs) => inputs.map(({name, shape, jsDtype}) =>
  `'${name}' ${jsDtype} ${describe(shape)}`).join(', ');

function nameOnly(given, asked) {
  if (given == null && !asked.length) return {};
  if (given == null) throw new ZooError('input', `no input was given; it takes ${list(asked)}`);
  if (asked.length === 1) return {[asked[0].name]: given};
  throw new ZooError('input', `it takes ${asked.length} inputs; name them: {name: value} with `
    + list(asked));
}

function makeInput(tf, value, input, options) {
  if (value == null) return fillInput(tf, input);
  if (isTensor(value)) return fit(tf, value, input);
  return isImage(value) ? makeImage(tf, value, input, options)
    : fit(tf, makeTensor(tf, value, input), input);
}

// The value of a constant, or of state at the start.
function fillInput(tf, input) {
  const {name, jsDtype, shape, sizes, constant, initial} = input;
  const value = constant ?? initial ?? 0;
  if (Array.isArray(value)) {
    return tf.tensor(value, shape ? fillShape(input, value.length) : sizes, jsDtype);
  }
  const closed = closeShape(input) ?? (constant == null ? null : []);
  if (closed) return tf.fill(closed.map((size) => (size < 0 ? 1 : size)), value, jsDtype);
  throw new ZooError('input', `nobody states the shape of input '${name}', which is state; pass it `
    + 'for the first run');
}

// Blank inputs in shapes that a model takes, for a run whose results do not count.
const BLANK_SIZE = 64;
export const makeBlanks = (tf, inputs) => Object.fromEntries(inputs.map((input) => {
  if (isFilled(input)) return [input.name, fillInput(tf, input)];
  const shape = (closeShape(input) ?? [-1]).map((size, axis) =>
    (size < 0 ? (axis ? BLANK_SIZE : 1) : size));
  return [input.name, tf.fill(shape, input.jsDtype === 'string' ? '' : 0, input.jsDtype)];
}));

const isAscii = (text) => !/[^\x00-\x7f]/.test(text);

function makeTensor(tf, value, input) {
  const {name, jsDtype, shape, characters} = input;
  if (characters === 'ascii' && ![value].flat(Infinity).every(isAscii)) {
    throw new ZooError('input', `input '${name}' takes texts in ASCII only`);
  }
  try {
    const flat = ArrayBuffer.isView(value);
    const values = flat && jsDtype === 'bool' ? Uint8Array.from(value) : value;
    const tensor = tf.tensor(values, undefined, jsDtype === 'string' ? 'string' : undefined);
    return flat && shape ? tensor.reshape(fillShape(input, tensor.size)) : tensor;
  } catch (error) {
    if (error instanceof ZooError) throw error;
    throw new ZooError('input', `input '${name}': ${error.message}`, {cause: error});
  }
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
