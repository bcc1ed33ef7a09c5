/**
 * Embeddings for the Projector tab. They are no events: tables, a sprite of small pictures and `projector_config.pbtxt`
 * lie beside the event file, and TensorBoard looks for them there.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { imageGrid } from './canvas.ts';
import { show, TensorBoardWriterError } from './errors.ts';
import { encodePng, type Pixels } from './png.ts';
import type { Cell } from './table.ts';

const CONFIG = 'projector_config.pbtxt';

/** Options of {@link SummaryWriter.addEmbedding}. */
export interface EmbeddingOptions {
  /** One for each vector; a record's keys are columns. */
  readonly labels?: readonly (Cell | Readonly<Record<string, Cell>>)[] | undefined;
  /** Small pictures of one size, one for each vector, shown in its place. */
  readonly images?: readonly Pixels[] | undefined;
  /** Default: 0. */
  readonly step?: number | undefined;
}

/** Checks and encodes at once, so that the caller may change its arrays; the result is ready to be written. */
export function embeddingFiles(
  tag: string,
  vectors: readonly ArrayLike<number>[],
  { labels, images, step = 0 }: EmbeddingOptions,
): { directory: string; name: string; files: [string, string | Buffer][]; config: string } {
  const width = vectors[0]?.length ?? 0;
  if (width === 0 || vectors.some((vector) => vector.length !== width)) {
    throw invalid('Expected at least one vector, and all of one length.');
  }
  if (vectors.some((vector) => Array.from(vector).some((value) => !Number.isFinite(value)))) {
    throw invalid('Expected finite numbers in the vectors: TensorBoard cannot show others.');
  }
  checkCount('labels', labels, vectors.length);
  checkCount('images', images, vectors.length);
  const directory = `embeddings/${safe(tag)}-${String(step).padStart(5, '0')}`;
  const name = `${tag}:${step}`;
  const files: [string, string | Buffer][] = [['tensors.tsv', tensorTable(vectors)]];
  if (labels !== undefined) files.push(['metadata.tsv', labelTable(labels)]);
  if (images !== undefined) files.push(['sprite.png', sprite(images)]);
  const [first] = images ?? [];
  const lines = [
    `tensor_name: ${quote(name)}`,
    `tensor_shape: ${vectors.length}`,
    `tensor_shape: ${width}`,
    `tensor_path: ${quote(`${directory}/tensors.tsv`)}`,
    ...(labels ? [`metadata_path: ${quote(`${directory}/metadata.tsv`)}`] : []),
    ...(first
      ? [
          `sprite { image_path: ${quote(`${directory}/sprite.png`)} single_image_dim: ${first.width} single_image_dim: ${first.height} }`,
        ]
      : []),
  ];
  return { directory, name, files, config: `embeddings {\n${lines.map((line) => `  ${line}\n`).join('')}}\n` };
}

/** Writes the files, then names them in the run's configuration; one that is there under this name is replaced. */
export async function writeEmbedding(logDir: string, embedding: ReturnType<typeof embeddingFiles>): Promise<void> {
  await mkdir(join(logDir, embedding.directory), { recursive: true });
  for (const [name, content] of embedding.files) await writeFile(join(logDir, embedding.directory, name), content);
  const path = join(logDir, CONFIG);
  const before = await readFile(path, 'utf8').catch(() => '');
  const others = (before.match(/^embeddings \{\n[\s\S]*?^\}\n/gm) ?? []).filter(
    (block) => !block.includes(`tensor_name: ${quote(embedding.name)}\n`),
  );
  await writeFile(`${path}.new`, [...others, embedding.config].join(''));
  await rename(`${path}.new`, path);
}

function tensorTable(vectors: readonly ArrayLike<number>[]): string {
  return vectors.map((vector) => `${Array.from(vector).join('\t')}\n`).join('');
}

// TensorBoard takes the first line as names only when there is more than one column.
function labelTable(labels: readonly (Cell | Readonly<Record<string, Cell>>)[]): string {
  const [first] = labels;
  if (typeof first !== 'object') return labels.map((label) => `${flat(label)}\n`).join('');
  const columns = Object.keys(first);
  const rows = labels.map((label) => columns.map((key) => flat((label as Record<string, Cell>)[key] ?? '')).join('\t'));
  const header = columns.length > 1 ? [columns.map(flat).join('\t')] : [];
  return [...header, ...rows].map((line) => `${line}\n`).join('');
}

// The pictures in a square without gaps, as the projector cuts it.
function sprite(images: readonly Pixels[]): Buffer {
  const [first] = images;
  if (images.some(({ width, height }) => width !== first?.width || height !== first.height)) {
    throw invalid('Expected images of one size for the sprite.');
  }
  return encodePng(imageGrid(images, { padding: 0 }));
}

function checkCount(what: string, given: readonly unknown[] | undefined, count: number): void {
  if (given === undefined || given.length === count) return;
  throw invalid(`Expected as many ${what} as vectors (${count}), got ${show(given.length)}.`);
}

function safe(tag: string): string {
  return tag.replaceAll(/[^\w.-]/g, '_');
}

function flat(cell: unknown): string {
  return String(cell).replaceAll(/[\t\r\n]+/g, ' ');
}

function quote(text: string): string {
  return JSON.stringify(text);
}

function invalid(text: string): TensorBoardWriterError {
  return new TensorBoardWriterError('invalid-value', text);
}
