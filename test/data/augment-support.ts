/** One image through one augmentation, as plain numbers. */
import { type BatchTransform, type HostArray, sampleRandom } from 'kelvin';

/** The image of these lines after the transform, seen in this epoch. */
export function augmented(
  transform: BatchTransform,
  data: HostArray,
  [height, width, channels = 1]: readonly number[],
  { epoch = 0, id = 0 }: { epoch?: number; id?: number | string } = {},
): { data: number[]; shape: readonly number[]; dtype: string | undefined } {
  const shape = [1, height as number, width as number, channels];
  const { x } = transform.batch({ x: { data: data.slice(), shape } }, () => sampleRandom({ seed: 1, epoch, id }));
  return { data: [...(x?.data ?? [])], shape: x?.shape.slice(1) ?? [], dtype: x?.dtype };
}

/** Values 1, 2, 3, … */
export const counting = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => i + 1);

/** Noise between black and white that is the same each time. */
export function noise(length: number, seed = 7): Float32Array {
  const random = sampleRandom({ seed, epoch: 0, id: 0 });
  return Float32Array.from({ length }, () => random.uniform());
}
