/** Meshes and point clouds: vertices, faces and colours, each a tag of its own, as TensorBoard's own writer has it. */
import { show, TensorBoardWriterError } from '../errors.ts';
import { DATA_CLASS, type Payload, type RawValue, tensorBody } from '../event.ts';
import { DT_INT32, DT_UINT8, decodeTensor, floatTensor, intTensor } from '../tensor.ts';
import { bytesField, message, packVarints, stringField, varintField, WireReader } from '../wire.ts';
import type { Numbers } from './histogram.ts';

export const MESH = 'mesh';
const PARTS = ['', 'vertices', 'faces', 'colors'] as const;
const SUFFIX = { vertices: 'VERTEX', faces: 'FACE', colors: 'COLOR' } as const;

/** A mesh; a point cloud when it has no faces. */
export interface Mesh {
  /** x, y, z of each vertex. */
  readonly vertices: Numbers;
  /** Three vertex numbers for each triangle. */
  readonly faces?: Numbers | undefined;
  /** Red, green, blue (0–255) of each vertex. */
  readonly colors?: Numbers | undefined;
  /** Three.js settings: camera, lights, material. */
  readonly config?: Readonly<Record<string, unknown>> | undefined;
}

/** One of the parts of a mesh, as a reader finds it. */
export interface MeshPart {
  readonly part: 'vertices' | 'faces' | 'colors';
  readonly values: readonly number[];
}

/** The tags and payloads of the parts that `mesh` has. */
export function meshPayloads(tag: string, mesh: Mesh): [string, Payload][] {
  const parts = (['vertices', 'faces', 'colors'] as const).filter((part) => mesh[part] !== undefined);
  checkMesh(mesh);
  const components = parts.reduce((mask, part) => mask | (1 << PARTS.indexOf(part)), 0);
  return parts.map((part) => {
    const values = Array.from(mesh[part] ?? []);
    const shape = [1, values.length / 3, 3];
    const content = message(
      stringField(2, tag),
      varintField(3, PARTS.indexOf(part)),
      stringField(5, JSON.stringify(mesh.config ?? {})),
      bytesField(6, packVarints(shape)),
      varintField(7, components),
    );
    const metadata = { plugin: MESH, dataClass: DATA_CLASS.tensor, content };
    return [`${tag}_${SUFFIX[part]}`, { metadata, body: tensorBody(tensorOf(part, values, shape)) }];
  });
}

export function decodeMesh(value: RawValue): { mesh?: MeshPart } {
  if (value.tensor === undefined) return {};
  let type = 1;
  const reader = new WireReader(value.content ?? Buffer.alloc(0));
  while (reader.next()) if (reader.field === 3) type = reader.varint();
  // Only the first value of a tag has content; later ones are told by the tag.
  const byTag = /_(VERTEX|FACE|COLOR)$/.exec(value.tag)?.[1];
  const part = (Object.entries(SUFFIX).find(([, suffix]) => suffix === byTag)?.[0] ?? PARTS[type]) as MeshPart['part'];
  return { mesh: { part, values: decodeTensor(value.tensor).numbers } };
}

function tensorOf(part: MeshPart['part'], values: readonly number[], shape: readonly number[]): Buffer {
  if (part === 'vertices') return floatTensor(values, shape);
  return intTensor(values, shape, part === 'faces' ? DT_INT32 : DT_UINT8);
}

function checkMesh({ vertices, faces, colors }: Mesh): void {
  const count = (vertices?.length ?? 0) / 3;
  if (!Number.isInteger(count) || count === 0) {
    throw invalid(`Expected three coordinates for each of at least one vertex, got ${show(vertices?.length)} numbers.`);
  }
  if (colors !== undefined && (colors.length !== 3 * count || !wholeBelow(colors, 256))) {
    throw invalid(`Expected ${3 * count} whole numbers from 0 to 255 as the colours, got ${colors.length} numbers.`);
  }
  if (faces !== undefined && (faces.length % 3 !== 0 || !wholeBelow(faces, count))) {
    throw invalid(`Expected three vertex numbers from 0 to ${count - 1} for each face, got ${faces.length} numbers.`);
  }
}

function wholeBelow(values: Numbers, limit: number): boolean {
  return Array.from(values).every((value) => Number.isInteger(value) && value >= 0 && value < limit);
}

function invalid(text: string): TensorBoardWriterError {
  return new TensorBoardWriterError('invalid-value', text);
}
