/** Unpacking of bytes, as on the host. */
import { UNPACK, type UnpackAttrs } from '../../core/unpack.ts';
import { complete } from './kernels.ts';

/** Registers the kernel that unpacks bytes. */
export function completeUnpack(): void {
  complete<UnpackAttrs>(UNPACK, (_, { bytes, shape, scale, offset }, work) => {
    const out = work.allocate([...shape]);
    const values = work.floats(out);
    for (let i = 0; i < values.length; i++) values[i] = (bytes[i] as number) * scale + offset;
    return out;
  });
}
