// The lifeline: a thread that waits for standard input to end and then kills the process, also
// while the main thread computes.
'use strict';

const {Worker} = require('worker_threads');

const WATCHER = `
  const {workerData} = require('worker_threads');
  const fs = require('fs');
  try {
    while (fs.readSync(0, Buffer.alloc(1)) > 0);
  } catch {}
  if (!Atomics.load(workerData, 0)) process.kill(process.pid, 'SIGKILL');
`;

// Start it; the function returned lets the end of standard input end the process in peace.
exports.holdLifeline = () => {
  const finished = new Int32Array(new SharedArrayBuffer(4));
  new Worker(WATCHER, {eval: true, workerData: finished});
  return () => Atomics.store(finished, 0, 1);
};
