// Faults of this machine, such as a full disk. They say nothing of a model, so they end the program,
// and process.py raises them as errors of the operating system.
'use strict';

const CODES = new Set(['EDQUOT', 'EIO', 'EMFILE', 'ENFILE', 'ENOSPC', 'EROFS']);

exports.isFaultOfMachine = (error) => Boolean(error) && CODES.has(error.code);
