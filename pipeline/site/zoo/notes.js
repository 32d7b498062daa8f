// Notes: what a transcriber of music heard, from the probabilities that it gives for each moment.
// The windows and rules are those of basic_pitch/inference.py and note_creation.py, without bends.
import {findOutput, readResults, refuseResult, soleInput} from './results.js';
import {countSamples, readSamples} from './sounds.js';

const OVERLAP_FRAMES = 30;
const LOWEST_MIDI = 21;
const PITCHES = 88;
const PATIENCE_FRAMES = 11;
const NAMES = ['C', 'C#', 'D', 'D#', 'E', 'F', 'F#', 'G', 'G#', 'A', 'A#', 'B'];

// Return the notes of a sound of any length, [{pitch, name, start, end, score}], in seconds and as MIDI
// counts pitches.
export async function transcribe(model, sound,
  {onset = 0.5, frame = 0.3, minSeconds = 0.128, ...options} = {}) {
  const {map} = model.entry;
  if (!map.note || !map.onset) throw refuseResult(model, 'transcribe', 'no outputs have the roles note and onset');
  const input = soleInput(model, 'transcribe');
  const [frames, pitches] = findOutput(model, 'note').shape.slice(-2);
  const window = countSamples(input);
  if (pitches !== PITCHES || !(frames > OVERLAP_FRAMES) || !window) {
    throw refuseResult(model, 'transcribe', `its notes have shape [${frames}, ${pitches}]; expected 88 pitches`);
  }
  const perFrame = Math.floor(window / (frames - 1));
  const samples = await readSamples(sound, input, options);
  const shift = OVERLAP_FRAMES / 2;
  const parts = [];
  // Windows overlap, because the frames at their ends have heard too little.
  for (let start = 0; start < samples.length; start += (frames - OVERLAP_FRAMES) * perFrame) {
    const from = start - shift * perFrame;
    const piece = new Float32Array(window);
    piece.set(samples.subarray(Math.max(0, from), from + window), Math.max(0, -from));
    const found = await readResults(model, piece, ['note', 'onset'], options);
    const cut = ({values}) => values.slice(shift * PITCHES, (frames - shift) * PITCHES);
    parts.push({note: cut(found.note), onset: cut(found.onset)});
  }
  const seconds = perFrame / (options.sampleRate ?? input.sampleRate);
  return findNotes(joinParts(parts), {onset, frame, least: Math.round(minSeconds / seconds)})
    .map(({pitch, from, to, score}) => ({
      pitch: pitch + LOWEST_MIDI,
      name: nameOf(pitch + LOWEST_MIDI),
      start: from * seconds,
      end: to * seconds,
      score,
    }));
}

const nameOf = (midi) => `${NAMES[midi % 12]}${Math.floor(midi / 12) - 1}`;

function joinParts(parts) {
  const join = (name) => Float32Array.from(parts.flatMap((part) => Array.from(part[name])));
  return {note: join('note'), onset: join('onset')};
}

// Notes begin at peaks of the onsets, the last first, and last while their frames are likely.
function findNotes({note, onset}, limits) {
  const rest = note.slice();
  const frames = note.length / PITCHES;
  const notes = [];
  for (let from = frames - 2; from > 0; from--) {
    for (let pitch = PITCHES - 1; pitch >= 0; pitch--) {
      const at = (when) => onset[when * PITCHES + pitch];
      if (!(at(from) >= limits.onset && at(from) > at(from - 1) && at(from) > at(from + 1))) continue;
      const to = findEnd(rest, {from, pitch, frames, least: limits.frame});
      if (to - from <= limits.least) continue;
      let sum = 0;
      for (let when = from; when < to; when++) {
        sum += note[when * PITCHES + pitch];
        for (const near of [pitch - 1, pitch, pitch + 1]) {
          if (near >= 0 && near < PITCHES) rest[when * PITCHES + near] = 0;
        }
      }
      notes.push({pitch, from, to, score: sum / (to - from)});
    }
  }
  return notes.sort((one, other) => one.from - other.from || one.pitch - other.pitch);
}

function findEnd(rest, {from, pitch, frames, least}) {
  let [to, quiet] = [from + 1, 0];
  while (to < frames - 1 && quiet < PATIENCE_FRAMES) {
    quiet = rest[to * PITCHES + pitch] < least ? quiet + 1 : 0;
    to++;
  }
  return to - quiet;
}
