// Shapes of inputs: sizes that are open, -1, and what fills them.
import {ZooError} from './errors.js';

const isOpen = (size) => size < 0;

export const count = (shape) => shape.reduce((product, size) => product * size, 1);
export const describe = (shape) => (shape
  ? `[${shape.map((size) => (isOpen(size) ? '?' : size)).join(', ')}]` : 'any shape');

// The shape of an input, with the sizes that its contract has in place of open ones.
export function closeShape({shape, sizes}) {
  if (!shape) return sizes ?? null;
  return shape.map((size, axis) => (isOpen(size) ? sizes?.[axis] ?? size : size));
}

// The shape that so many values have: that of the contract; or the batch is one, and one open size
// follows from their number.
export function fillShape(input, number) {
  const {name, shape} = input;
  const solve = (candidate) => {
    const known = count(candidate.filter((size) => !isOpen(size)));
    return candidate.map((size) => (isOpen(size) ? number / known : size));
  };
  const fits = (candidate) => candidate.every((size) => size >= 0 && Number.isInteger(size))
    && count(candidate) === number;
  const single = shape.map((size, axis) => (axis === 0 && isOpen(size) ? 1 : size));
  const open = shape.filter(isOpen).length;
  const found = [closeShape(input), ...(open > 2 ? [] : [solve(single), solve(shape)])].find(fits);
  if (found) return found;
  throw new ZooError('input', `input '${name}': ${number} values do not make ${describe(shape)}`
    + (open > 1 ? '; pass a tensor, whose shape is known' : ''));
}
