// Similarity of embeddings.
import {ZooError} from './errors.js';

// How alike two embeddings are: the cosine of the angle between them, 1 for the same.
export function similarity(one, other) {
  if (one.length !== other.length) {
    throw new ZooError('input', `embeddings of ${one.length} and ${other.length} numbers`);
  }
  const dot = (some, others) => some.reduce((sum, value, i) => sum + value * others[i], 0);
  return dot(one, other) / Math.sqrt(dot(one, one) * dot(other, other));
}
