/** Reads tfjs models from disk without tfjs-node: a `model.json` and the weight files beside it. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DataError, messageOf } from '../../core/errors.ts';
import type * as tf from '../../core/tf.ts';

/** What a `model.json` says of the model in it. */
export interface ModelFile {
  readonly format: 'layers-model' | 'graph-model';
  readonly handler: tf.io.IOHandler;
}

/**
 * Opens a model on disk.
 *
 * @param url `file://…/model.json`
 * @throws DataError `model-file` naming the file that is missing, no JSON, or no tfjs model
 */
export async function openModelFile(url: string): Promise<ModelFile> {
  const path = fileURLToPath(url);
  const json = parse(path, await read(path));
  const format = json.format === 'graph-model' ? 'graph-model' : 'layers-model';
  if (json.modelTopology === undefined || !Array.isArray(json.weightsManifest)) {
    throw new DataError(`${path} is no tfjs model`, {
      code: 'model-file',
      expected: 'JSON with `modelTopology` and `weightsManifest`',
      got: `the keys ${Object.keys(json).join(', ')}`,
    });
  }
  const load = async (): Promise<tf.io.ModelArtifacts> => {
    const groups = json.weightsManifest as { paths: string[]; weights: tf.io.WeightsManifestEntry[] }[];
    const files = groups.flatMap(({ paths }) => paths.map((name) => join(dirname(path), name)));
    const parts = await Promise.all(files.map(read));
    const all = Buffer.concat(parts);
    const { weightsManifest: _, ...rest } = json;
    return {
      ...rest,
      modelTopology: json.modelTopology as object,
      weightSpecs: groups.flatMap(({ weights }) => weights),
      weightData: all.buffer.slice(all.byteOffset, all.byteOffset + all.byteLength) as ArrayBuffer,
    };
  };
  return { format, handler: { load } };
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new DataError(`${path} cannot be read`, { code: 'model-file', got: messageOf(cause), cause });
  }
}

function parse(path: string, bytes: Buffer): Record<string, unknown> {
  try {
    return JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
  } catch (cause) {
    throw new DataError(`${path} is no JSON`, { code: 'model-file', got: messageOf(cause), cause });
  }
}
