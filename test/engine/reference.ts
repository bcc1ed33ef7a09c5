/**
 * Convolution and pooling written out in double precision, as the oracle that the completed kernels are held
 * against: one walk over (output position, filter tap) pairs, from which each operation takes what it needs.
 */

/** An image batch [batch, height, width, channels] under a sliding filter. */
export interface Slide {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly filter: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly pad: 'same' | 'valid';
}

/** Output length and leading padding along one axis, by TensorFlow's rules. */
function along(input: number, filter: number, stride: number, pad: 'same' | 'valid'): { out: number; before: number } {
  if (pad === 'valid') return { out: Math.floor((input - filter) / stride) + 1, before: 0 };
  const out = Math.ceil(input / stride);
  return { out, before: Math.floor(Math.max(0, (out - 1) * stride + filter - input) / 2) };
}

export function outputSize({ height, width, filter, strides, pad }: Slide): [number, number] {
  return [along(height, filter[0], strides[0], pad).out, along(width, filter[1], strides[1], pad).out];
}

/** Calls `visit` for every output pixel and filter tap that sees the image: pixel numbers of both, and the tap's. */
function walk(slide: Slide, visit: (outPixel: number, inPixel: number, tap: number) => void): void {
  const { batch, height, width, filter, strides, pad } = slide;
  const rows = along(height, filter[0], strides[0], pad);
  const columns = along(width, filter[1], strides[1], pad);
  for (let n = 0; n < batch; n++)
    for (let oy = 0; oy < rows.out; oy++)
      for (let ox = 0; ox < columns.out; ox++)
        for (let i = 0; i < filter[0]; i++)
          for (let j = 0; j < filter[1]; j++) {
            const y = oy * strides[0] + i - rows.before;
            const x = ox * strides[1] + j - columns.before;
            if (y < 0 || y >= height || x < 0 || x >= width) continue;
            visit((n * rows.out + oy) * columns.out + ox, (n * height + y) * width + x, i * filter[1] + j);
          }
}

type Numbers = ArrayLike<number>;
const at = (values: Numbers, index: number): number => values[index] as number;
const add = (values: Float64Array, index: number, value: number): void => {
  values[index] = at(values, index) + value;
};
const outPixels = (slide: Slide): number => slide.batch * outputSize(slide)[0] * outputSize(slide)[1];
const inPixels = (slide: Slide): number => slide.batch * slide.height * slide.width;

/** y, dx and dw of y = conv2d(x, w), w [height, width, channels, filters], for the output gradient dy. */
export function conv2d(slide: Slide, filters: number, x: Numbers, w: Numbers, dy: Numbers) {
  const { channels } = slide;
  const y = new Float64Array(outPixels(slide) * filters);
  const dx = new Float64Array(inPixels(slide) * channels);
  const dw = new Float64Array(slide.filter[0] * slide.filter[1] * channels * filters);
  walk(slide, (out, pixel, tap) => {
    for (let c = 0; c < channels; c++)
      for (let f = 0; f < filters; f++) {
        const [o, p, q] = [out * filters + f, pixel * channels + c, (tap * channels + c) * filters + f];
        add(y, o, at(x, p) * at(w, q));
        add(dx, p, at(dy, o) * at(w, q));
        add(dw, q, at(dy, o) * at(x, p));
      }
  });
  return { y, dx, dw };
}

/** The same of a depthwise convolution, w [height, width, channels, multiplier]. */
export function depthwise(slide: Slide, multiplier: number, x: Numbers, w: Numbers, dy: Numbers) {
  const { channels } = slide;
  const y = new Float64Array(outPixels(slide) * channels * multiplier);
  const dx = new Float64Array(inPixels(slide) * channels);
  const dw = new Float64Array(slide.filter[0] * slide.filter[1] * channels * multiplier);
  walk(slide, (out, pixel, tap) => {
    for (let c = 0; c < channels; c++)
      for (let m = 0; m < multiplier; m++) {
        const o = (out * channels + c) * multiplier + m;
        const [p, q] = [pixel * channels + c, (tap * channels + c) * multiplier + m];
        add(y, o, at(x, p) * at(w, q));
        add(dx, p, at(dy, o) * at(w, q));
        add(dw, q, at(dy, o) * at(x, p));
      }
  });
  return { y, dx, dw };
}

/** y and dx of max pooling; the gradient goes to the first maximum. */
export function maxPool(slide: Slide, x: Numbers, dy: Numbers) {
  const { channels } = slide;
  const y = new Float64Array(outPixels(slide) * channels).fill(Number.NEGATIVE_INFINITY);
  const where = new Int32Array(y.length);
  walk(slide, (out, pixel) => {
    for (let c = 0; c < channels; c++)
      if (at(x, pixel * channels + c) > at(y, out * channels + c)) {
        y[out * channels + c] = at(x, pixel * channels + c);
        where[out * channels + c] = pixel * channels + c;
      }
  });
  const dx = new Float64Array(inPixels(slide) * channels);
  for (let o = 0; o < y.length; o++) add(dx, at(where, o), at(dy, o));
  return { y, dx };
}

/** y and dx of average pooling; pixels in the padding do not count. */
export function avgPool(slide: Slide, x: Numbers, dy: Numbers) {
  const { channels } = slide;
  const y = new Float64Array(outPixels(slide) * channels);
  const dx = new Float64Array(inPixels(slide) * channels);
  const seen = new Int32Array(outPixels(slide));
  walk(slide, (out) => {
    seen[out] = at(seen, out) + 1;
  });
  walk(slide, (out, pixel) => {
    for (let c = 0; c < channels; c++) {
      add(y, out * channels + c, at(x, pixel * channels + c) / at(seen, out));
      add(dx, pixel * channels + c, at(dy, out * channels + c) / at(seen, out));
    }
  });
  return { y, dx };
}
