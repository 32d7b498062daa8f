// Streams: results of a video, or of images and sounds that come one after another.
import {ZooError} from './errors.js';

const isVideo = (source) => typeof source?.videoWidth === 'number';

// Yield the result of each frame of a <video>, or of each item of an iterable. The state starts anew,
// and goes on from item to item. A video ends when it has ended, or when `signal` is aborted.
export async function* streamResults(model, source,
  {method = model.method ?? 'run', signal, ...options} = {}) {
  if (!isVideo(source) && !source?.[Symbol.asyncIterator] && !source?.[Symbol.iterator]) {
    throw new ZooError('input', `${model.name}: stream() takes a <video>, or what can be iterated`);
  }
  model.reset();
  for await (const item of isVideo(source) ? listFrames(source, signal) : source) {
    if (signal?.aborted) return;
    yield await model[method](item, options);
  }
}

async function* listFrames(video, signal) {
  while (!video.ended && !signal?.aborted) {
    await nextFrame(video);
    if (video.videoWidth && !signal?.aborted) yield video;
  }
}

const nextFrame = (video) => new Promise((resolve) => {
  if (video.requestVideoFrameCallback && !video.paused) video.requestVideoFrameCallback(resolve);
  else requestAnimationFrame(resolve);
});
