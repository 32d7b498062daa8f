// Methods of a model that give results: the file of which a page gets only when it calls one.
import {detect} from './detections.js';
import {enhance, segment} from './masks.js';
import {transcribe} from './notes.js';
import {findKeypoints} from './points.js';
import {attributes, classify, embed} from './results.js';

// Return the result of a method for an input.
export function giveResult(model, method, input, options) {
  const methods = {attributes, classify, detect, embed, enhance, keypoints: findKeypoints, segment,
    transcribe};
  return methods[method](model, input, options);
}
