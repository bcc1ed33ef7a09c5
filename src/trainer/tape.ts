/** Cleans up after a forward or backward pass that threw: tfjs keeps what was saved for gradients until they are taken. */
import * as tf from '../core/tf.ts';

/** The part of tfjs's engine that records what gradients need. */
interface Recording {
  gradientDepth: number;
  activeTape: { saved?: (tf.Tensor | null)[] }[] | null;
}

/** Disposes of what the pass has saved. Call it when no gradient is being taken. */
export function dropTape(): void {
  const recording = tf.engine().state as unknown as Recording;
  if (recording.gradientDepth > 0 || recording.activeTape === null) return;
  for (const { saved } of recording.activeTape) for (const tensor of saved ?? []) tensor?.dispose();
  recording.activeTape = null;
}
