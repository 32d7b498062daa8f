/** Register ops on texts that TensorFlow.js lacks, for models loaded by TensorFlow.js alone. */
export function addTextOps(tf: unknown): void;

/** What goes wrong, with a code for programs; the message is for people. */
export class ZooError extends Error {
  constructor(code: ZooErrorCode, message: string, options?: ErrorOptions);
  readonly code: ZooErrorCode;
}
export type ZooErrorCode = 'catalog' | 'network' | 'missing' | 'size' | 'digest' | 'model'
  | 'variant' | 'backend' | 'tfjs' | 'input' | 'run';

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
export type Input = tf.Tensor | ArrayBufferView | NestedArray | Image | AudioBuffer;
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
  signal?: AbortSignal;
}

export interface LoadOptions<Name extends ModelName = ModelName> {
  /** By default the first that is published. */
  variant?: Variant<Name>;
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
}

/** The part of an image that an input shows, in pixels of the image. */
export interface Frame {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** A loaded model. */
export interface Model<Name extends ModelName = ModelName> {
  readonly name: Name;
  readonly variant: Variant<Name>;
  readonly entry: CatalogModel;
  readonly inputs: CatalogInput[];
  readonly outputs: CatalogOutput[];
  readonly tfModel: Models[Name]['tfModel'];
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
  entry(name: string): CatalogModel;
  load<Name extends ModelName>(name: Name, options?: LoadOptions<Name>): Promise<Model<Name>>;
  selftest<Name extends ModelName>(name: Name,
    options?: SelftestOptions<Name>): Promise<SelftestReport>;
}

/** Open the zoo at a URL: its folder or its models.json. */
export function open(url: string | URL, options?: OpenOptions): Promise<Zoo>;
