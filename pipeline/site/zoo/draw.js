// Draw results on a canvas.
import {imageSize} from './images.js';

const LEAST_POINT = 0.3;
const FONT_SHARE = 0.035;
const LEAST_FONT = 12;
const ROLL = {width: 640, height: 240};
const BYTE_MAX = 255;
// How far apart the hues of two classes are, in degrees, so that many classes look different.
const HUE_STEP = 137.5;

// Draw what a model found, over the image where one is given: boxes, points, masks, classes or an image.
export function draw(canvas, result, {image, minScore = LEAST_POINT} = {}) {
  if (isPixels(result)) return drawPixels(canvas, result);
  const context = canvas.getContext('2d');
  if (image) {
    Object.assign(canvas, imageSize(image));
    if (isPixels(image)) drawPixels(canvas, image);
    else context.drawImage(image, 0, 0, canvas.width, canvas.height);
  }
  if (result.mask) return drawMask(context, result);
  if (Array.isArray(result) && result[0]?.pitch) return drawNotes(canvas, result);
  const pen = {context, size: Math.max(LEAST_FONT, FONT_SHARE * Math.min(canvas.width, canvas.height))};
  if (ArrayBuffer.isView(result)) return undefined;
  const found = Array.isArray(result) ? result : Object.entries(result)
    .map(([name, [best]]) => ({...best, label: `${name}: ${best.label ?? best.class}`}));
  found.forEach((one, i) => {
    if (one.box) drawBox(pen, one);
    if (one.points) drawPoints(pen, one, one.edges ?? [], minScore);
    else if (!one.box && one.score !== undefined) drawLabel(pen, textOf(one), pen.size / 2, (1.5 * i + 0.5) * pen.size);
  });
  return undefined;
}

// Notes as on a roll: time to the right, pitch upwards.
function drawNotes(canvas, notes) {
  Object.assign(canvas, {width: ROLL.width, height: ROLL.height});
  const context = canvas.getContext('2d');
  const [low, high] = [Math.min(...notes.map(({pitch}) => pitch)) - 2, Math.max(...notes.map(({pitch}) => pitch)) + 2];
  const end = Math.max(...notes.map((note) => note.end));
  const step = ROLL.height / (high - low + 1);
  for (const {pitch, start, end: stop, score} of notes) {
    context.fillStyle = inkOf(1);
    context.globalAlpha = 0.4 + 0.6 * score;
    context.fillRect(start / end * ROLL.width, (high - pitch) * step,
      Math.max(2, (stop - start) / end * ROLL.width - 1), Math.max(2, step - 1));
  }
  context.globalAlpha = 1;
}

const isPixels = (image) => ArrayBuffer.isView(image?.data) && image.data.length === 4 * image.width * image.height;

function drawPixels(canvas, {data, width, height}) {
  Object.assign(canvas, {width, height});
  const pixels = canvas.getContext('2d').createImageData(width, height);
  pixels.data.set(data);
  canvas.getContext('2d').putImageData(pixels, 0, 0);
}

// A mask is blended over what the canvas shows: one class in colour, others in theirs.
function drawMask(context, {mask, classes}) {
  const {width, height} = context.canvas;
  const pixels = context.getImageData(0, 0, width, height);
  const [red, green, blue] = colorOf(1);
  for (let at = 0; at < pixels.data.length; at += 4) {
    const share = 0.55 * mask.data[at + 3] / 255;
    const color = classes ? mask.data.subarray(at, at + 3) : [red, green, blue];
    for (let i = 0; i < 3; i++) pixels.data[at + i] += share * (color[i] - pixels.data[at + i]);
    pixels.data[at + 3] = Math.max(pixels.data[at + 3], 255 * share);
  }
  context.putImageData(pixels, 0, 0);
}

const inkOf = (number) => `rgb(${colorOf(number ?? 0).join(' ')})`;
const textOf = ({label, score, class: number}) =>
  `${label ?? (number === null || number === undefined ? '' : `class ${number}`)} ${(100 * score).toFixed(0)} %`.trim();

function drawBox({context, size}, one) {
  const {x, y, width, height} = one.box;
  const ink = inkOf(Number(one.class) || 0);
  context.lineWidth = size / 6;
  context.strokeStyle = ink;
  context.strokeRect(x, y, width, height);
  drawLabel({context, size}, textOf(one), x, Math.max(0, y - 1.3 * size), ink);
}

function drawLabel({context, size}, text, x, y, ink = 'rgb(0 0 0)') {
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textBaseline = 'top';
  const width = context.measureText(text).width + size / 2;
  const left = Math.max(0, Math.min(x, context.canvas.width - width));
  context.fillStyle = ink;
  context.fillRect(left, y, width, 1.3 * size);
  context.fillStyle = 'white';
  context.fillText(text, left + size / 4, y + size / 6);
}

function drawPoints({context, size}, {points, box}, edges, least) {
  const seen = ({score}) => score === undefined || score >= least;
  const radius = points.length > 100 ? size / 14 : size / 5;
  context.lineWidth = size / 8;
  context.strokeStyle = inkOf(2);
  for (const [from, to] of edges) {
    const [one, other] = [points[from], points[to]];
    if (!one || !other || !seen(one) || !seen(other)) continue;
    context.beginPath();
    context.moveTo(one.x, one.y);
    context.lineTo(other.x, other.y);
    context.stroke();
  }
  context.fillStyle = inkOf(box ? 3 : 1);
  for (const {x, y} of points.filter(seen)) {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  }
}

// A colour of a class, [red, green, blue].
export function colorOf(number) {
  const hue = (number * HUE_STEP) % 360;
  const channel = (shift) => {
    const k = (shift + hue / 30) % 12;
    return Math.round(BYTE_MAX * (0.5 - 0.4 * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}
