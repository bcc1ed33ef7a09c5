/** Makes a source of answers out of every way to name a teacher: an instance, a factory, a file. */
import { fileURLToPath } from 'node:url';
import { ConfigError, messageOf, show } from '../../core/errors.ts';
import * as tf from '../../core/tf.ts';
import { openLogitCache } from '../cache/logit-cache.ts';
import { asSource, type Teacher } from './as-source.ts';
import { GraphTeacher, isGraphModel, type TeacherGraphModel } from './graph-teacher.ts';
import { openModelFile } from './model-files.ts';
import { NetworkTeacher, type TeacherModule } from './network-teacher.ts';
import { type OnnxRuntime, onnxTeacher } from './onnx-teacher.ts';
import { isTeacherSource, type TeacherSource } from './source.ts';

/** Makes a teacher, at once or later. */
// biome-ignore lint/suspicious/noExplicitAny: the arguments are the caller's own
export type TeacherFactory = (...args: any[]) => Teacher | Promise<Teacher>;

/**
 * Every way to name a teacher: an instance; a function that makes one; that function with its arguments, `[make, ...args]`;
 * the `file://` URL of a tfjs layers model or graph model (`model.json`), of an ONNX file, or of a cache of logits (`.logits`).
 */
export type TeacherSpec = Teacher | TeacherFactory | readonly [make: TeacherFactory, ...args: unknown[]] | string;

/** Options of {@link loadTeacher}. */
export interface LoadTeacherOptions {
  /** Whether a network that is loaded gives probabilities. Default: told by the last layer of a layers model. */
  probabilities?: boolean | undefined;
  /** Opens graph models: `loadGraphModel` of `@tensorflow/tfjs-converter`, which is imported by default. */
  loadGraphModel?: ((handler: tf.io.IOHandler) => Promise<TeacherGraphModel>) | undefined;
  /** Gives the ONNX runtime. Default: imports `onnxruntime-node`. */
  onnxRuntime?: (() => Promise<OnnxRuntime>) | undefined;
}

/**
 * Makes a source of a teacher's answers. What it makes or loads itself, `dispose` frees again; an instance is the caller's.
 *
 * @throws ConfigError `invalid-teacher`, `missing-peer`; DataError `model-file`
 * @example
 * ```ts
 * const teacher = await loadTeacher('file:///models/resnet/model.json');
 * ```
 */
export async function loadTeacher(teacher: TeacherSpec, options: LoadTeacherOptions = {}): Promise<TeacherSource> {
  if (typeof teacher === 'string') return fromFile(teacher, options);
  if (typeof teacher === 'function') return owned(await teacher(), options);
  if (Array.isArray(teacher)) {
    const [make, ...args] = teacher as [TeacherFactory, ...unknown[]];
    if (typeof make !== 'function') throw invalid(show(teacher));
    return owned(await make(...args), options);
  }
  if (typeof teacher !== 'object' || teacher === null) throw invalid(show(teacher));
  const { probabilities } = options;
  if (probabilities === undefined || isTeacherSource(teacher)) return asSource(teacher as Teacher);
  return isGraphModel(teacher)
    ? new GraphTeacher(teacher, { probabilities })
    : new NetworkTeacher(teacher as tf.LayersModel, { probabilities });
}

function owned(teacher: Teacher, { probabilities }: LoadTeacherOptions): TeacherSource {
  if (teacher instanceof tf.LayersModel) return new NetworkTeacher(teacher, { owned: true, probabilities });
  if (isTeacherSource(teacher)) return teacher;
  if (isGraphModel(teacher)) return new GraphTeacher(teacher, { owned: true, probabilities });
  return new NetworkTeacher(teacher as TeacherModule, { owned: true, probabilities });
}

async function fromFile(url: string, options: LoadTeacherOptions): Promise<TeacherSource> {
  const { probabilities } = options;
  if (!url.startsWith('file:')) throw invalid(show(url));
  if (url.endsWith('.logits')) return openLogitCache(fileURLToPath(url));
  if (url.endsWith('.onnx')) return onnxTeacher(url, { probabilities, runtime: options.onnxRuntime });
  const { format, handler } = await openModelFile(url);
  if (format === 'layers-model') {
    return new NetworkTeacher(await tf.loadLayersModel(handler), { owned: true, probabilities });
  }
  const load = options.loadGraphModel ?? (await importConverter());
  return new GraphTeacher(await load(handler), { owned: true, probabilities });
}

const CONVERTER = '@tensorflow/tfjs-converter';

async function importConverter(): Promise<(handler: tf.io.IOHandler) => Promise<TeacherGraphModel>> {
  try {
    return ((await import(CONVERTER)) as { loadGraphModel: (from: tf.io.IOHandler) => Promise<TeacherGraphModel> })
      .loadGraphModel;
  } catch (cause) {
    throw new ConfigError('A graph model needs @tensorflow/tfjs-converter', {
      code: 'missing-peer',
      got: messageOf(cause),
      help: 'npm install @tensorflow/tfjs-converter@4.22.0',
      cause,
    });
  }
}

function invalid(got: string): ConfigError {
  return new ConfigError('The teacher', {
    code: 'invalid-teacher',
    expected: 'a model, a module with `forward`, a function that makes one, [function, ...arguments] or a file:// URL',
    got,
  });
}
