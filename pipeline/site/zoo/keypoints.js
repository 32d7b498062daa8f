// Keypoints: distances as fractions of the diagonal of the box around the reference's own points.
// The same as pipeline/proof/judge/keypoint_distances.py computes.

const POINT_SIZES = [2, 3, 4, 5];

export const areKeypoints = ({shape, dtype}) => (dtype === 'float32' || dtype === 'int32')
  && shape.length > 1 && POINT_SIZES.includes(shape.at(-1));

// Compare keypoints (…, points, 2 to 5); `limit` is the distance within which a point agrees.
export function compareKeypoints(reference, found, limit) {
  const distances = reference.flatMap((expected, vector) => distancesOf(expected, found[vector]));
  const agreeing = distances.filter((distance) => distance <= limit).length;
  return {
    keypoints: distances.length,
    agreement: distances.length ? agreeing / distances.length : 0,
    maxKeypointDistance: Math.max(0, ...distances),
  };
}

function distancesOf({shape, values}, {values: others}) {
  const [points, size] = shape.slice(-2);
  const distances = [];
  for (let pose = 0; pose < values.length; pose += points * size) {
    const at = (list, point) => [list[pose + point * size], list[pose + point * size + 1]];
    const own = Array.from({length: points}, (_, point) => at(values, point));
    const diagonal = diagonalOf(own);
    own.forEach(([y, x], point) => {
      const [b, a] = at(others, point);
      distances.push(Math.hypot(b - y, a - x) / diagonal);
    });
  }
  return distances;
}

function diagonalOf(points) {
  const range = (axis) => Math.max(...points.map((one) => one[axis]))
    - Math.min(...points.map((one) => one[axis]));
  // A pose of one point has no size; the place of the point has to do.
  return Math.hypot(range(0), range(1)) || Math.max(...points.flat().map(Math.abs)) || 1;
}
