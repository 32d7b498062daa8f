// Sounds: an AudioBuffer, made into the samples that an input takes.
import {ZooError} from './errors.js';
import {chooseRange} from './images.js';
import {count, describe} from './shapes.js';

export const isSound = (value) => typeof value?.getChannelData === 'function';

// Return the samples of an AudioBuffer for an input of the catalog: one channel, at its rate and in
// its range, with silence behind them where it takes more.
export async function readSound(buffer, input, options) {
  const {name} = input;
  const samples = await readSamples(buffer, input, options);
  const length = countSamples(input);
  if (length === null || samples.length === length) return samples;
  if (samples.length > length) {
    const rate = options.sampleRate ?? input.sampleRate;
    throw new ZooError('input', `input '${name}' takes ${length} samples, ${length / rate} s; `
      + `${samples.length} were given: pass a part of them`);
  }
  const [low, high] = options.range ?? input.range;
  const filled = new Float32Array(length).fill((low + high) / 2);
  filled.set(samples);
  return filled;
}

// The same, of any length. Samples that are given as numbers are taken as they are.
export async function readSamples(sound, input, {range, sampleRate}) {
  if (!isSound(sound)) return Float32Array.from(sound);
  const rate = sampleRate ?? input.sampleRate;
  if (!rate) {
    throw new ZooError('input', `nobody states the sample rate of input '${input.name}'; pass `
      + '{sampleRate: 16000}, or the rate with which the model was trained');
  }
  const [low, high] = chooseRange(input, range ?? input.range, 'samples of -1 to 1', '[-1, 1]');
  return (await resample(sound, rate, input.name))
    .map((sample) => low + (sample + 1) * ((high - low) / 2));
}

// The number of samples that an input takes for one sound; null where that is open.
export function countSamples({name, shape}) {
  const [batch, ...rest] = shape ?? [-1];
  const sizes = Math.abs(batch) === 1 && rest.length ? rest : [batch, ...rest];
  if (sizes.filter((size) => size !== 1).length > 1) {
    throw new ZooError('input', `input '${name}' has shape ${describe(shape)}, which is no sound; `
      + 'pass what the model is made for, such as a spectrogram');
  }
  return sizes.some((size) => size < 0) ? null : count(sizes);
}

async function resample(buffer, rate, name) {
  if (buffer.sampleRate === rate && buffer.numberOfChannels === 1) return buffer.getChannelData(0);
  const Context = globalThis.OfflineAudioContext;
  if (!Context) {
    throw new ZooError('input', `input '${name}' takes one channel at ${rate} Hz; here is no `
      + `OfflineAudioContext to make it from ${buffer.numberOfChannels} at ${buffer.sampleRate} Hz`);
  }
  const context = new Context(1, Math.ceil(buffer.duration * rate), rate);
  const player = context.createBufferSource();
  player.buffer = buffer;
  player.connect(context.destination);
  player.start();
  return (await context.startRendering()).getChannelData(0);
}
