// SHA-256 of bytes: by the platform, or in plain JavaScript where a page has no crypto.subtle
// because it did not come over https.

const hexadecimal = (bytes) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

// Return the digest as 64 hexadecimal digits.
export async function digestOf(bytes) {
  const {subtle} = globalThis.crypto ?? {};
  if (!subtle) return hexadecimal(sha256(bytes));
  return hexadecimal(new Uint8Array(await subtle.digest('SHA-256', bytes)));
}

// The first 32 bits of the fractional parts of roots of the first primes (FIPS 180-4, 4.2.2).
function* primes() {
  for (let n = 2; ; n++) {
    let divisor = 2;
    while (divisor * divisor <= n && n % divisor) divisor++;
    if (divisor * divisor > n) yield n;
  }
}

const fraction = (root) => Math.floor((root - Math.floor(root)) * 2 ** 32);
const FIRST_PRIMES = (() => {
  const found = [];
  for (const prime of primes()) if (found.push(prime) === 64) return found;
  return found;
})();
const CONSTANTS = Uint32Array.from(FIRST_PRIMES, (prime) => fraction(Math.cbrt(prime)));
const START = Uint32Array.from(FIRST_PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));

// FIPS 180-4, 6.2; `bytes` are padded in a copy of the last block or two only.
export function sha256(bytes) {
  const state = START.slice();
  const words = new Uint32Array(64);
  const whole = bytes.length - (bytes.length % 64);
  for (let at = 0; at < whole; at += 64) mixBlock(state, words, bytes, at);
  const rest = bytes.length - whole;
  const last = new Uint8Array(rest < 56 ? 64 : 128);
  last.set(bytes.subarray(whole));
  last[rest] = 0x80;
  const length = new DataView(last.buffer);
  length.setUint32(last.length - 8, Math.floor(bytes.length / 2 ** 29));
  length.setUint32(last.length - 4, bytes.length * 8);
  for (let at = 0; at < last.length; at += 64) mixBlock(state, words, last, at);
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, i) => digest.setUint32(4 * i, word));
  return new Uint8Array(digest.buffer);
}

const turn = (word, bits) => (word >>> bits) | (word << (32 - bits));

function mixBlock(state, words, bytes, at) {
  for (let i = 0, j = at; i < 16; i++, j += 4) {
    words[i] = (bytes[j] << 24) | (bytes[j + 1] << 16) | (bytes[j + 2] << 8) | bytes[j + 3];
  }
  for (let i = 16; i < 64; i++) {
    const [x, y] = [words[i - 15], words[i - 2]];
    words[i] = words[i - 16] + (turn(x, 7) ^ turn(x, 18) ^ (x >>> 3))
      + words[i - 7] + (turn(y, 17) ^ turn(y, 19) ^ (y >>> 10));
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const choice = ((e & f) ^ (~e & g)) + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25));
    const one = (h + choice + CONSTANTS[i] + words[i]) | 0;
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + majority) | 0;
    h = g; g = f; f = e; e = (d + one) | 0;
    d = c; c = b; b = a; a = (one + two) | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => { state[i] += word; });
}
