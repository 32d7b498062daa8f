// Errors, and words that are almost right.

// What goes wrong, with a code for programs; the message is for people.
export class ZooError extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.name = 'ZooError';
    this.code = code;
  }
}

// Throw that there is no such thing, and what there is.
export function refuseUnknown(code, what, name, known) {
  const near = known.filter((one) => distance(String(name), one) <= Math.max(1, one.length / 4));
  const hint = near.length ? `did you mean '${near[0]}'?` : `it has ${known.join(', ') || 'none'}`;
  throw new ZooError(code, `no ${what} '${name}'; ${hint}`);
}

// Letters to add, remove or replace.
function distance(some, other) {
  let row = Array.from({length: other.length + 1}, (_, j) => j);
  for (let i = 1; i <= some.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const replaced = row[j - 1] + (some[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[other.length];
}
