// Files of a zoo: fetched or cached, and never used before their SHA-256 has been checked.
import {digestOf} from './digest.js';
import {ZooError} from './errors.js';

const CACHE_NAME = 'tfjs-zoo';
const AT_ONCE = 6;
const ATTEMPTS = 2;

// Where a cache keeps a content, whatever zoo it comes from; nobody answers under this name.
const cacheKey = (sha256) => `https://tfjs-zoo.invalid/sha256/${sha256}`;

// The function that fetches: the caller's, or the platform's, which in Node.js has no file:.
export function chooseFetch(given) {
  if (given) return given;
  return (href, init) => (href.startsWith('file:') ? readLocal(href, init) : fetch(href, init));
}

async function readLocal(href, {signal}) {
  // Named at run time, so that bundlers for browsers do not look for it.
  const name = 'node:fs/promises';
  let fs;
  try {
    fs = await import(/* @vite-ignore */ /* webpackIgnore: true */ name);
  } catch {
    throw new ZooError('network', 'a page opened from file: cannot fetch; serve the zoo over http');
  }
  try {
    return new Response(await fs.readFile(new URL(href), {signal}));
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return new Response(null, {status: 404});
  }
}

// The cache to use, or null; a page that may not have one does without.
export async function openCache(wanted) {
  if (wanted && typeof wanted === 'object') return wanted;
  if (wanted === false) return null;
  try {
    return (await globalThis.caches?.open(CACHE_NAME)) ?? null;
  } catch {
    return null;
  }
}

// Fetch the catalog, and keep it for a visit without a network. Returns {response, offline}.
export async function requestCatalog(fetcher, href, {cache, signal}) {
  const key = `https://tfjs-zoo.invalid/catalog/${encodeURIComponent(href)}`;
  try {
    const response = await request(fetcher, href, {signal, cache: 'no-cache'});
    if (!href.startsWith('file:')) await cache?.put(key, response.clone()).catch(() => {});
    return {response, offline: false};
  } catch (error) {
    if (error.code !== 'network') throw error;
    const kept = await cache?.match(key).catch(() => null);
    if (kept) return {response: kept, offline: true};
    // A connection that the server has closed meanwhile fails once.
    return {response: await request(fetcher, href, {signal, cache: 'no-cache'}), offline: false};
  }
}

// Ask for a file; a status of failure is an error that says which.
export async function request(fetcher, href, init) {
  let response;
  try {
    response = await fetcher(href, init);
  } catch (error) {
    init.signal?.throwIfAborted();
    if (error instanceof ZooError) throw error;
    throw new ZooError('network', `${href}: ${error.message}`, {cause: error});
  }
  if (response.ok) return response;
  await response.body?.cancel?.();
  const {status} = response;
  if (status === 404 || status === 410) {
    const answer = href.startsWith('file:') ? 'no such file' : `not there (HTTP ${status})`;
    throw new ZooError('missing', `${href}: ${answer}`);
  }
  throw new ZooError('network', `${href}: the server answers HTTP ${status}`);
}

// Read files [{path, bytes, sha256}] of the zoo at `base`, given in groups: those of a group lie
// end to end in one buffer. Returns a Map from path to Uint8Array.
export async function readFiles(groups, {base, fetcher, cache, signal, onProgress}) {
  const files = groups.flat();
  const parts = new Map(groups.flatMap(allot));
  const total = files.reduce((sum, file) => sum + file.bytes, 0);
  let loaded = 0;
  const pending = [...files];
  // One failure stops them all. AbortSignal.any() is younger than the browsers this runs in.
  const stop = new AbortController();
  const forward = () => stop.abort(signal.reason);
  signal?.throwIfAborted();
  signal?.addEventListener('abort', forward);
  const work = async () => {
    for (let file; (file = pending.shift());) {
      const advance = (bytes, cached) => {
        loaded += bytes;
        onProgress?.({loaded, total, file: file.path, cached});
      };
      await readFile(file, parts.get(file.path),
        {base, fetcher, cache, signal: stop.signal, advance});
    }
  };
  try {
    await Promise.all(Array.from({length: Math.min(AT_ONCE, files.length)}, work));
  } catch (error) {
    stop.abort(error);
    throw error;
  } finally {
    signal?.removeEventListener('abort', forward);
  }
  return parts;
}

function allot(group) {
  const buffer = new ArrayBuffer(group.reduce((sum, file) => sum + file.bytes, 0));
  let offset = 0;
  return group.map((file) => {
    const slot = new Uint8Array(buffer, offset, file.bytes);
    offset += file.bytes;
    return [file.path, slot];
  });
}

async function readFile(file, slot, context) {
  const {cache, signal, advance} = context;
  signal.throwIfAborted();
  if (cache && await takeCached(file, slot, cache)) {
    advance(file.bytes, true);
    return;
  }
  for (let attempt = 1; ; attempt++) {
    let counted = 0;
    const count = (bytes) => { counted += bytes; advance(bytes, false); };
    try {
      await download(file, slot, {...context, count, again: attempt > 1});
      break;
    } catch (error) {
      signal.throwIfAborted();
      const hopeless = !(error instanceof ZooError) || error.code === 'missing';
      if (hopeless || attempt === ATTEMPTS) throw error;
      count(-counted);
    }
  }
  if (cache) await keep(file, slot, cache);
}

// Fill the slot from the cache; what is not what it should be is removed from there.
async function takeCached(file, slot, cache) {
  try {
    const response = await cache.match(cacheKey(file.sha256));
    if (!response) return false;
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (bytes.length === file.bytes && await digestOf(bytes) === file.sha256) {
      slot.set(bytes);
      return true;
    }
    await cache.delete(cacheKey(file.sha256));
  } catch {
    // A cache that fails is as good as none.
  }
  return false;
}

async function keep(file, slot, cache) {
  try {
    await cache.put(cacheKey(file.sha256), new Response(slot.slice()));
  } catch {
    // The disk may be full; the model is here all the same.
  }
}

async function download(file, slot, {base, fetcher, signal, count, again}) {
  const href = resolvePath(file.path, base);
  // What a proxy or the browser kept may be damaged; the second time they are passed by.
  const response = await request(fetcher, href, {signal, ...(again ? {cache: 'reload'} : {})});
  const length = await fill(response, slot, {href, signal, count});
  if (length !== file.bytes) {
    const found = length > file.bytes ? 'more' : `${length}`;
    throw new ZooError('size', `${href}: has ${found} bytes; the catalog says ${file.bytes}`);
  }
  const found = await digestOf(slot);
  if (found !== file.sha256) {
    throw new ZooError('digest', `${href}: its SHA-256 is ${found}; the catalog says `
      + `${file.sha256}: it is damaged or was replaced, and is not used`);
  }
}

// Copy a body into a slot as it comes; return its length, or more than the slot has.
async function fill(response, slot, {href, signal, count}) {
  let length = 0;
  const add = (chunk) => {
    length += chunk.length;
    if (length > slot.length) return false;
    slot.set(chunk, length - chunk.length);
    count(chunk.length);
    return true;
  };
  try {
    if (!response.body?.getReader) {
      add(new Uint8Array(await response.arrayBuffer()));
      return length;
    }
    const reader = response.body.getReader();
    for (let read; !(read = await reader.read()).done;) {
      if (add(read.value)) continue;
      await reader.cancel();
      break;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw new ZooError('network', `${href}: ${error.message}`, {cause: error});
  }
  return length;
}

// Return the URL of a file by its path in the catalog, which may not leave the zoo.
export function resolvePath(path, base) {
  const {href} = new URL(path.split('/').map(encodeURIComponent).join('/'), base);
  if (!href.startsWith(base)) throw new ZooError('catalog', `the path '${path}' leaves the zoo`);
  return href;
}
