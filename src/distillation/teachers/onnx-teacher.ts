/** An ONNX file as a teacher, run by onnxruntime-node: it answers before the step, since it takes waiting. */
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ConfigError, DataError, messageOf } from '../../core/errors.ts';
import { stepInput } from '../../core/recording.ts';
import * as tf from '../../core/tf.ts';
import { logitsOfProbabilities } from './probabilities.ts';
import type { NetworkSize } from './size.ts';
import type { TeacherContext, TeacherSource } from './source.ts';

/** The part of onnxruntime-node that is used. */
export interface OnnxRuntime {
  readonly InferenceSession: { create(path: string): Promise<OnnxSession> };
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => OnnxTensor;
}

interface OnnxTensor {
  readonly data: unknown;
  readonly dims: readonly number[];
}

interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Record<string, OnnxTensor>, fetches?: readonly string[]): Promise<Readonly<Record<string, OnnxTensor>>>;
  release?(): Promise<void>;
}

/** Options of {@link onnxTeacher}. */
export interface OnnxTeacherOptions {
  /** The images of a batch. Default: its `x`. */
  input?: ((batch: unknown) => tf.Tensor) | undefined;
  /** Give the images as `'nchw'`, as networks from PyTorch want them. Default: as they are. */
  layout?: 'nchw' | undefined;
  /** The network gives probabilities, not logits. Default `false`. */
  probabilities?: boolean | undefined;
  /** Gives the runtime. Default: imports `onnxruntime-node`. */
  runtime?: (() => Promise<OnnxRuntime>) | undefined;
}

/**
 * Opens an ONNX file as a teacher. Taps are names of the graph's outputs.
 *
 * @param file a path or a `file://` URL
 * @throws ConfigError `missing-peer` without onnxruntime-node; DataError `model-file` for a file that it cannot open
 *
 * @example
 * ```ts
 * const teacher = await onnxTeacher('resnet50.onnx', { layout: 'nchw' });
 * ```
 */
export async function onnxTeacher(file: string, options: OnnxTeacherOptions = {}): Promise<TeacherSource> {
  const runtime = await (options.runtime ?? importRuntime)();
  const path = file.startsWith('file:') ? fileURLToPath(file) : file;
  try {
    return new OnnxTeacher(path, runtime, await runtime.InferenceSession.create(path), options);
  } catch (cause) {
    throw new DataError(`${path} is no ONNX model`, { code: 'model-file', got: messageOf(cause), cause });
  }
}

const PEER = 'onnxruntime-node';

async function importRuntime(): Promise<OnnxRuntime> {
  try {
    return (await import(PEER)) as OnnxRuntime;
  } catch (cause) {
    throw new ConfigError('An ONNX teacher needs onnxruntime-node', {
      code: 'missing-peer',
      got: messageOf(cause),
      help: 'npm install onnxruntime-node',
      cause,
    });
  }
}

class OnnxTeacher implements TeacherSource {
  readonly name: string;
  readonly #runtime: OnnxRuntime;
  readonly #session: OnnxSession;
  readonly #options: OnnxTeacherOptions;
  /** The answers for the batch that is to come. */
  #answers: Readonly<Record<string, OnnxTensor>> | undefined;
  /** What they are the answers to. */
  #asked: { readonly batch: unknown; readonly images: tf.Tensor } | undefined;

  constructor(path: string, runtime: OnnxRuntime, session: OnnxSession, options: OnnxTeacherOptions) {
    this.name = path;
    this.#runtime = runtime;
    this.#session = session;
    this.#options = options;
  }

  shapeOf(tap: string): undefined {
    const names = this.#session.outputNames;
    if (tap === '' || names.includes(tap)) return undefined;
    throw new ConfigError(`The teacher has no output '${tap}'`, {
      code: 'unknown-layer',
      expected: `one of ${names.join(', ')}`,
      help: 'an ONNX graph can be tapped at its outputs alone: export it with the layers wanted among them',
    });
  }

  async prepare(batch: unknown): Promise<void> {
    const { input, layout } = this.#options;
    const images = input?.(batch) ?? (batch as { x: tf.Tensor }).x;
    const turned = layout === 'nchw' && images.rank === 4 ? tf.transpose(images, [0, 3, 1, 2]) : images;
    try {
      const data = (await turned.data()) as Float32Array;
      const feed = new this.#runtime.Tensor('float32', Float32Array.from(data), turned.shape);
      this.#answers = await this.#session.run({ [this.#session.inputNames[0] as string]: feed });
      this.#asked = { batch, images };
    } finally {
      if (turned !== images) turned.dispose();
    }
  }

  outputs(x: tf.Tensor, taps: readonly string[], { batch }: TeacherContext): ReadonlyMap<string, tf.Tensor> {
    const answers = this.#answers;
    if (answers === undefined || !this.#wasAskedOf(x, batch)) {
      throw new ConfigError(`The ONNX teacher has not been asked of ${answers ? 'this' : 'a'} batch`, {
        code: 'teacher-not-prepared',
        expected: '`await distiller.teacher.prepare(batch, batchIdx)` before the forward pass',
        help: 'training, validation, `checkTeacher` and `evaluateDistillation` do it themselves',
      });
    }
    const tensorOf = (name: string): tf.Tensor => {
      return stepInput(() => {
        const { data, dims } = (this.#answers as typeof answers)[name] as OnnxTensor;
        return tf.tensor(data as Float32Array, [...dims]);
      });
    };
    const logits = tensorOf(this.#session.outputNames[0] as string);
    const found = new Map([['', this.#options.probabilities ? logitsOfProbabilities(logits) : logits]]);
    for (const tap of taps) if (tap !== '') found.set(tap, tensorOf(tap));
    return found;
  }

  /** Whether the answers are those of this batch, however it is handed on: itself, its images, or them in another object. */
  #wasAskedOf(x: tf.Tensor, batch: unknown): boolean {
    const { images, batch: prepared } = this.#asked ?? {};
    return batch === prepared || x === images || (batch as { x?: unknown } | undefined)?.x === images;
  }

  /** The bytes of the file: its weights, and the little that says how they are connected. */
  size(): Partial<NetworkSize> {
    const found = statSync(this.name, { throwIfNoEntry: false });
    return found === undefined ? {} : { bytes: found.size };
  }

  dispose(): void {
    this.#answers = undefined;
    this.#asked = undefined;
    void this.#session.release?.();
  }
}
