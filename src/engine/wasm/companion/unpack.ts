/** Unpacking of bytes on the companion: on one thread, since memory is the limit. */
import { UNPACK, type UnpackAttrs } from '../../../core/unpack.ts';
import { accelerate } from './accelerate.ts';

/** Registers the kernel that unpacks bytes. */
export function accelerateUnpack(): void {
  accelerate<UnpackAttrs>(UNPACK, (_, { bytes, shape, scale, offset }, { run, work }) => {
    const out = work.allocate([...shape]);
    const { buffer, byteOffset, length } = work.floats(out);
    // The bytes wait in the last quarter of the room that their numbers will fill.
    new Uint8Array(buffer, byteOffset + 3 * length, length).set(bytes);
    const address = work.address(out);
    run.unpack(address + 3 * length, address, length, scale, offset);
    return out;
  });
}
