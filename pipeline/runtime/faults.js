// Faults of this machine, such as a full disk. No model is to blame, so they end the program, and
// node_process.py raises them as errors of the operating system.
'use strict';

const CODES = new Set(['EDQUOT', 'EIO', 'EMFILE', 'ENFILE', 'ENOSPC', 'EROFS']);

exports.isFaultOfMachine = (error) => Boolean(error) && CODES.has(error.code);
