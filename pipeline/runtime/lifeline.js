// The lifeline: a thread that reads the requests on standard input and, when it ends, kills the
// process, also while the main thread computes.
'use strict';

const {Worker} = require('worker_threads');

const READER = `
  const {parentPort} = require('worker_threads');
  const fs = require('fs');
  const bytes = Buffer.alloc(4096);
  let text = '';
  try {
    for (let count; (count = fs.readSync(0, bytes)) > 0;) {
      const lines = (text + bytes.toString('latin1', 0, count)).split('\\n');
      text = lines.pop();
      for (const line of lines) parentPort.postMessage(line);
    }
  } catch {}
  process.kill(process.pid, 'SIGKILL');
`;

// Call a function with each line of standard input, which is ASCII.
exports.holdLifeline = (onLine) => {
  new Worker(READER, {eval: true}).on('message', onLine);
};
