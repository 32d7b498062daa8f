// Places: points and boxes of an input, brought into the image that it shows.
import {ZooError} from './errors.js';
import {imageSize, inputSize, isImage} from './images.js';
import {refuseResult, soleInput} from './results.js';

// Return how a point of the input, as fractions of its size, comes into the image: {move, size,
// image}; `size` is that of the input, [height, width].
export function findPlacement(model, image, method) {
  const input = soleInput(model, method);
  if (!isImage(image)) {
    throw new ZooError('input', `${model.name}: ${method}() takes an image, so that places in it can be `
      + 'told; run() takes tensors');
  }
  const {left, top, width, height} = model.frame(image, input.name);
  return {
    move: ([x, y]) => [left + x * width, top + y * height],
    frame: {left, top, width, height},
    size: inputSize(image, input),
    image: imageSize(image),
  };
}

// Fractions of the input of a point, by the convention `scale` of its role.
export function toFractions(model, role, scale, [height, width], method) {
  if (scale === 'fraction') return ([x, y]) => [x, y];
  if (scale === 'pixels') return ([x, y]) => [x / width, y / height];
  throw refuseResult(model, method, `nobody states the scale of ${role}, fraction or pixels; `
    + `models.yaml can, conventions: {${role}: {scale: …}}`);
}
