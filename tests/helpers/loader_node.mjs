// Runs the body of an async function with the loader in Node.js: `node loader_node.mjs REQUEST`.
// The request has {body, args, loader, packages, backends}; the answer is a line of JSON.
import {readFileSync, writeSync} from 'node:fs';
import {createRequire} from 'node:module';

const request = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const globals = Object.getOwnPropertyDescriptors(globalThis);
const {loadPackages} = createRequire(import.meta.url)(request.backends);
const tf = loadPackages(request.packages);
Object.defineProperties(globalThis, globals); // which that takes away: fetch, Response, …
await tf.setBackend('cpu');
const zoo = await import(request.loader);
const AsyncFunction = (async () => {}).constructor;
let answer;
try {
  const run = new AsyncFunction('tf', 'open', 'ZooError', 'args', request.body);
  answer = {value: (await run(tf, zoo.open, zoo.ZooError, request.args)) ?? null};
} catch (error) {
  const {name, code = null, message, stack} = error;
  answer = {error: {name, code, message, stack}};
}
writeSync(1, `${JSON.stringify(answer)}\n`);
process.exit(0);
