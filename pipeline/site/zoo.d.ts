/** Register ops on texts that TensorFlow.js lacks, for models loaded by TensorFlow.js alone. */
export function addTextOps(tf: unknown): Promise<void>;

/** What goes wrong, with a code for programs; the message is for people. */
export class ZooError extends Error {
  constructor(code: ZooErrorCode, message: string, options?: ErrorOptions);
  readonly code: ZooErrorCode;
}
export type ZooErrorCode = 'catalog' | 'network' | 'missing' | 'size' | 'digest' | 'model'
  | 'variant' | 'backend' | 'tfjs' | 'input' | 'result' | 'run';

/** Names of the models that this zoo offers. */
export type ModelName = keyof Models;
/** Variants of a model that are published. */
export type Variant<Name extends ModelName> = Models[Name]['variants'];
/** Names of a model's inputs that have to be given. */
export type InputName<Name extends ModelName> = Models[Name]['inputs'];
/** Names of a model's inputs that are constant, or state that goes on from run to run. */
export type FilledName<Name extends ModelName> = Models[Name]['filled'];
/** What `run()` returns: a tensor for each role, and for each output without one. */
export type Tensors<Name extends ModelName> = {
  [Result in keyof Models[Name]['results']]: TensorOf<Models[Name]['results'][Result]>;
};
/** What `run()` returns as arrays. */
export type Arrays<Name extends ModelName> = {
  [Result in keyof Models[Name]['results']]: ArrayOf<Models[Name]['results'][Result]>;
};

interface Ranks {
  0: tf.Tensor<tf.Rank.R0>;
  1: tf.Tensor<tf.Rank.R1>;
  2: tf.Tensor<tf.Rank.R2>;
  3: tf.Tensor<tf.Rank.R3>;
  4: tf.Tensor<tf.Rank.R4>;
  5: tf.Tensor<tf.Rank.R5>;
  6: tf.Tensor<tf.Rank.R6>;
}
type TensorOf<Output> = Output extends {rank: infer Rank}
  ? (Rank extends keyof Ranks ? Ranks[Rank] : tf.Tensor) : tf.Tensor;
type Nested<Value, Rank> = Rank extends 0 ? Value : Rank extends 1 ? Value[]
  : Rank extends 2 ? Value[][] : Rank extends 3 ? Value[][][]
  : Rank extends 4 ? Value[][][][] : Rank extends 5 ? Value[][][][][]
  : Rank extends 6 ? Value[][][][][][] : unknown;
type ArrayOf<Output> = Output extends {rank: infer Rank; value: infer Value}
  ? Nested<Value, Rank> : unknown;

/** An image: pixels, or what shows some. */
export type Image = ImageData | HTMLImageElement | HTMLCanvasElement | OffscreenCanvas
  | HTMLVideoElement | ImageBitmap
  | {data: Uint8Array | Uint8ClampedArray; width: number; height: number};
export type NestedArray = number | boolean | string | NestedArray[];
/** What an input may be given as. */
export type Input = tf.Tensor | ArrayBufferView | NestedArray | Image | AudioBuffer
  | string;
/** Inputs by name. */
export type Inputs<Name extends ModelName> =
  {[Key in InputName<Name>]: Input} & {[Key in FilledName<Name>]?: Input};

export interface Progress {
  /** Bytes so far. */
  loaded: number;
  /** Bytes in all. */
  total: number;
  /** The file that some of them belong to. */
  file: string;
  /** Whether it came from the cache. */
  cached: boolean;
}

/** What keeps files; a `Cache` of the platform is one. */
export interface FileCache {
  match(key: string): Promise<Response | undefined>;
  put(key: string, response: Response): Promise<unknown>;
  delete(key: string): Promise<unknown>;
}

export interface OpenOptions {
  /** TensorFlow.js; else `globalThis.tf`, else the package `@tensorflow/tfjs`. */
  tf?: typeof tf;
  /** In place of the platform's `fetch`. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** `false` for none; by default the platform's Cache API, where there is one. */
  cache?: boolean | FileCache;
  /** Name of the only model that is used: what is known of all others is not read. */
  model?: string;
  signal?: AbortSignal;
}

export interface LoadOptions<Name extends ModelName = ModelName> {
  /** By default the first that is published; `smallest` is the least in bytes. */
  variant?: Variant<Name> | 'smallest';
  /**
   * Where it runs: a backend, or `auto` for the quickest of those that are proved, by a short trial.
   * By default the backend that TensorFlow.js uses.
   */
  backend?: 'auto' | 'webgpu' | 'webgl' | 'wasm' | 'cpu';
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
  cache?: boolean | FileCache;
  /** Load it also where the catalog says that the current backend gets it wrong. */
  force?: boolean;
}

export interface RunOptions {
  /** What pixels of 0 to 255, or samples of -1 to 1, become, in place of what the catalog says. */
  range?: readonly [low: number, high: number];
  /** Samples of sound in a second, in place of what the catalog says. */
  sampleRate?: number;
  /** For a model with a tokenizer: the other text of a pair, or one for each text. */
  pair?: string | string[];
}

export interface EmbedOptions extends RunOptions {
  /** How the vectors of a text's tokens become one, in place of what the catalog says. */
  pooling?: 'mean' | 'first' | 'last';
}

/** A text as a model with a tokenizer takes it. */
export interface Tokens {
  ids: number[];
  /** 0 for the tokens of the text, 1 for those of the other one of a pair. */
  types: number[];
  /** 1 for each token, 0 for what fills up the length. */
  mask: number[];
  tokens: (string | null)[];
}
export interface TokenizeOptions {
  /** The other text of a pair. */
  pair?: string;
  /** Whether to add the tokens that the model expects around texts; by default true. */
  special?: boolean;
  /** Cut and fill up to this number of tokens; by default as the tokenizer says. */
  length?: number;
}

/** The part of an image that an input shows, in pixels of the image. */
export interface Frame {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** A box in pixels of an image. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** A point in pixels of an image. */
export interface Point {
  x: number;
  y: number;
  /** Depth, in the unit of the model. */
  z?: number;
  /** How sure the model is of it, from 0 to 1. */
  score?: number;
  name: string | null;
}

/** A class, and how likely it is. */
export interface Classified {
  /** Its name, where the catalog has one. */
  label: string | null;
  score: number;
  /** Its number. */
  class: number;
}

/** What a detector found. */
export interface Detection {
  label: string | null;
  score: number;
  class: number | string | null;
  box: Box;
  /** Where a model has some for each box. */
  points?: Point[];
}

/** A body, a hand or a face. */
export interface Pose {
  score: number | null;
  points: Point[];
  /** Pairs of points that belong together. */
  edges: [from: number, to: number][];
}

/** What belongs to what in an image. */
export interface Segments {
  /** Of the image's size: white with the share as alpha, or a colour for each class. */
  mask: ImageData;
  /** The class of each pixel; null where there is one class only. */
  classes: Uint16Array | null;
  labels: string[] | null;
}

/** A note of music. */
export interface Note {
  /** As MIDI counts: 60 is the middle C. */
  pitch: number;
  name: string;
  /** In seconds. */
  start: number;
  end: number;
  score: number;
}

export interface DetectOptions extends RunOptions {
  /** Least score; by default the entry's `minScore`, or 0.5. */
  threshold?: number;
  /** Largest overlap of two boxes of a class, as a share of their union; by default 0.5. */
  iou?: number;
  /** Largest number of boxes; by default 100. */
  max?: number;
}
export interface ClassifyOptions extends RunOptions {
  /** Number of classes; by default 5. */
  top?: number;
  threshold?: number;
  /** Of sounds that are longer than the model takes: seconds from one window to the next; by default
   * the length of a window. */
  hop?: number;
  /** Whether to return the classes of each window in place of their means. */
  windows?: boolean;
}
/** A part of a sound and its classes; times are in seconds. */
export interface ClassifiedWindow {
  start: number;
  end: number;
  classes: Classified[];
}
export interface EnhanceOptions extends RunOptions {
  /** What the pixels of the result are, where the catalog does not say it. */
  outputRange?: readonly [low: number, high: number];
}
export interface TranscribeOptions extends RunOptions {
  /** Least probability that a note begins; by default 0.5. */
  onset?: number;
  /** Least probability that it sounds on; by default 0.3. */
  frame?: number;
  /** Shortest note; by default 0.128. */
  minSeconds?: number;
}

export type Method = 'attributes' | 'classify' | 'detect' | 'embed' | 'enhance' | 'keypoints'
  | 'segment' | 'transcribe';
export interface StreamOptions extends RunOptions {
  /** By default the method that the catalog names. */
  method?: Method | 'run';
  signal?: AbortSignal;
}

/** What `draw()` can draw. */
export type Drawable = Detection[] | Pose[] | Classified[] | Note[] | Segments
  | Record<string, Classified[]> | ImageData;
/** Draw a result on a canvas, over an image where one is given; the canvas gets its size. */
export function draw(canvas: HTMLCanvasElement | OffscreenCanvas, result: Drawable,
  options?: {image?: Image; minScore?: number}): void;
/** How alike two embeddings are: the cosine of the angle between them. */
export function similarity(one: ArrayLike<number>, other: ArrayLike<number>): number;

/** A loaded model. */
export interface Model<Name extends ModelName = ModelName> {
  readonly name: Name;
  readonly variant: Variant<Name>;
  readonly entry: CatalogModel;
  readonly inputs: CatalogInput[];
  readonly outputs: CatalogOutput[];
  readonly tfModel: Models[Name]['tfModel'];
  /** Names of classes, by output. */
  readonly labels: Record<string, string[]>;
  /** Names of the points that it finds. */
  readonly points: Points | null;
  /** The method that makes results of its outputs. */
  readonly method: Method | null;
  /** The backend that it keeps to; null where it runs on the current one. */
  readonly backend: string | null;
  detect(image: Image, options?: DetectOptions): Promise<Detection[]>;
  classify(sound: AudioBuffer | ArrayBufferView,
    options: ClassifyOptions & {windows: true}): Promise<ClassifiedWindow[]>;
  classify(input: Input, options?: ClassifyOptions): Promise<Classified[]>;
  attributes(input: Input, options?: ClassifyOptions): Promise<Record<string, Classified[]>>;
  keypoints(image: Image, options?: RunOptions & {threshold?: number}): Promise<Pose[]>;
  segment(image: Image, options?: RunOptions): Promise<Segments>;
  enhance(image: Image, options?: EnhanceOptions): Promise<ImageData>;
  embed(texts: string[], options?: EmbedOptions): Promise<Float32Array | Float32Array[]>;
  embed(input: Input, options?: EmbedOptions): Promise<Float32Array>;
  transcribe(sound: AudioBuffer | ArrayLike<number>,
    options?: TranscribeOptions): Promise<Note[]>;
  /** Results of a <video>, or of one thing after another, with the state going on. */
  stream(source: HTMLVideoElement | Iterable<Input> | AsyncIterable<Input>,
    options?: StreamOptions): AsyncGenerator<unknown>;
  /** The numbers that stand for a text; for a model with a tokenizer. */
  tokenize(text: string, options?: TokenizeOptions): Promise<Tokens>;
  /** The inputs that stand for texts, by name; for a model with a tokenizer. */
  fillTokens(texts: string | string[], options?: {pair?: string | string[]}):
    Promise<Record<string, number[][]>>;
  /** Run it on blank inputs, so that later runs are quick; returns milliseconds. */
  warmUp(): Promise<number>;
  /** Run it once; the tensors are yours to dispose. */
  run(input: Input | Inputs<Name>,
    options?: RunOptions & {as?: 'tensors'}): Promise<Tensors<Name>>;
  /** Run it once; nested arrays, with nothing to dispose. */
  run(input: Input | Inputs<Name>,
    options: RunOptions & {as: 'arrays'}): Promise<Arrays<Name>>;
  /** Tensors in, by name and as the model takes them; tensors out, in the order of `outputs`. */
  execute(inputs: {[Key in InputName<Name> | FilledName<Name>]: tf.Tensor}): Promise<tf.Tensor[]>;
  /** Let the next run start with the first state. */
  reset(): void;
  /** The part of an image that an input shows; an input that is letterboxed shows more than it. */
  frame(image: {width: number; height: number}, input?: InputName<Name>): Frame;
  dispose(): void;
}

export interface SelftestOptions<Name extends ModelName = ModelName> {
  variant?: Variant<Name>;
  /** By default those of cpu, wasm, webgl and webgpu that TensorFlow.js has here. */
  backends?: string[];
  /** Called with each result as it comes. */
  onResult?: (result: SelftestResult) => void;
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
  cache?: boolean | FileCache;
}

/** What became of one output. */
export interface SelftestOutput {
  name: string;
  role: string | null;
  /** What decides: `values`, or as a set `boxes`, `rows`, `choice`, `keypoints`. */
  gate: string;
  /** `unproved`: it passes, and passing proves nothing; `reason` says why. */
  status: 'pass' | 'fail' | 'unproved';
  reason: string | null;
  /** In the output's own unit. */
  maxAbsError: number | null;
  /** As a fraction of the range of the source's output. */
  maxRelError: number | null;
  /** Largest error allowed, as a fraction of the same range. */
  limit: number | null;
  /** Figures of the task, such as the share of boxes that agree. */
  metrics: Record<string, number | null>;
}

/** What became of one backend. */
export interface SelftestResult {
  backend: string;
  /**
   * `unsupported`: it lacks an op, or only another release of TensorFlow.js runs the model;
   * `unavailable`: it does not start here.
   */
  status: 'pass' | 'fail' | 'unsupported' | 'unavailable';
  reason: string | null;
  /** Whether the catalog says that this backend does not pass. */
  expected: boolean;
  loadMs: number | null;
  /** The first run, with what is compiled and uploaded. */
  firstMs: number | null;
  /** Median of the later runs. */
  runMs: number | null;
  outputs: SelftestOutput[];
}

export interface SelftestReport {
  model: string;
  variant: string;
  /** It passes when a backend does and none fails but those that fail as the catalog says. */
  status: 'pass' | 'fail';
  reason: string | null;
  results: SelftestResult[];
}

/** An opened zoo. */
export interface Zoo {
  readonly url: string;
  readonly catalog: Catalog;
  readonly models: CatalogModel[];
  /** Whether the catalog comes from an earlier visit, because there is no network. */
  readonly offline: boolean;
  entry(name: string): CatalogModel;
  load<Name extends ModelName>(name: Name, options?: LoadOptions<Name>): Promise<Model<Name>>;
  selftest<Name extends ModelName>(name: Name,
    options?: SelftestOptions<Name>): Promise<SelftestReport>;
}

/** Open the zoo at a URL: its folder or its models.json. */
export function open(url: string | URL, options?: OpenOptions): Promise<Zoo>;
