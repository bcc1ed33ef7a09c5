/**
 * The gradients of pooling. The backend's own for max pooling starts each window from the smallest positive number,
 * so windows without a positive value lose their gradient; for average pooling it divides by the size of the whole
 * window also where the forward pass left the padding out.
 */
import * as tf from '../../core/tf.ts';
import { complete, type Info, type Workspace } from './kernels.ts';

/** Registers MaxPoolGrad and AvgPoolGrad. */
export function completePoolGradients(): void {
  complete<tf.MaxPoolGradAttrs>(tf.MaxPoolGrad, ({ dy, input }, attrs, work) =>
    poolGradient({ dy: dy as Info, x: input as Info }, attrs, work, giveToFirstMaximum),
  );
  complete<tf.AvgPoolGradAttrs>(tf.AvgPoolGrad, ({ dy, input }, attrs, work) =>
    poolGradient({ dy: dy as Info, x: input as Info }, attrs, work, shareAmongAll),
  );
}

/** The part of the image that one output pixel looks at, as numbers of the values of channel 0. */
interface Window {
  readonly start: number;
  readonly rows: number;
  readonly columns: number;
  /** Values from one row of the image to the next. */
  readonly pitch: number;
  readonly channels: number;
}

/** Passes the gradient of one output pixel, whose channels start at `from`, on to its window. */
type PassOn = (x: Float32Array, dy: Float32Array, dx: Float32Array, window: Window, from: number) => void;

function poolGradient(
  { x, dy }: { x: Info; dy: Info },
  attrs: Pick<tf.MaxPoolGradAttrs, 'filterSize' | 'strides' | 'pad' | 'dimRoundingMode'>,
  work: Workspace,
  passOn: PassOn,
): Info {
  const shape = x.shape as [number, number, number, number];
  const { filterSize, strides, pad, dimRoundingMode } = attrs;
  const info = tf.backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
  const { batchSize, inHeight, inWidth, inChannels: channels, outHeight, outWidth, padInfo } = info;
  const out = work.allocate(shape);
  const [values, gradient, dx] = [work.floats(x), work.floats(dy), work.floats(out)];
  dx.fill(0);
  for (let row = 0; row < batchSize * outHeight; row++) {
    const top = (row % outHeight) * info.strideHeight - padInfo.top;
    const y = Math.max(0, top);
    const rows = Math.min(inHeight, top + info.filterHeight) - y;
    const image = Math.floor(row / outHeight) * inHeight;
    for (let column = 0; column < outWidth; column++) {
      const left = column * info.strideWidth - padInfo.left;
      const first = Math.max(0, left);
      const columns = Math.min(inWidth, left + info.filterWidth) - first;
      if (rows <= 0 || columns <= 0) continue;
      const start = ((image + y) * inWidth + first) * channels;
      const window = { start, rows, columns, pitch: inWidth * channels, channels };
      passOn(values, gradient, dx, window, (row * outWidth + column) * channels);
    }
  }
  return out;
}

/** As in TensorFlow and PyTorch, equal maxima are not shared: the first gets all. */
const giveToFirstMaximum: PassOn = (x, dy, dx, { start, rows, columns, pitch, channels }, from) => {
  for (let c = 0; c < channels; c++) {
    let best = Number.NEGATIVE_INFINITY;
    let where = start + c;
    for (let row = 0; row < rows; row++)
      for (let column = 0, at = start + row * pitch + c; column < columns; column++, at += channels) {
        const value = x[at] as number;
        // The first NaN wins: it is not <= anything, and nothing takes its place.
        if (!(value <= best) && !Number.isNaN(best)) {
          best = value;
          where = at;
        }
      }
    dx[where] = (dx[where] as number) + (dy[from + c] as number);
  }
};

const shareAmongAll: PassOn = (_, dy, dx, { start, rows, columns, pitch, channels }, from) => {
  const share = 1 / (rows * columns);
  for (let row = 0; row < rows; row++)
    for (let column = 0, at = start + row * pitch; column < columns; column++, at += channels)
      for (let c = 0; c < channels; c++) dx[at + c] = (dx[at + c] as number) + share * (dy[from + c] as number);
};
