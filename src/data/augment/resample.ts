/** Images drawn anew: a part of one scaled to another size, and one seen through an affine map. Bilinear both. */
import { isWhole, type Pixels } from './image.ts';

/** A part of an image, in pixels; it may begin and end between them. */
export interface Box {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** What one pixel of the result takes from a line of the source. */
interface Tap {
  readonly from: number;
  readonly weights: Float64Array;
}

/**
 * Scales `box` of `from` to all of `to`. The filter is a triangle, widened by the factor of reduction, so that nothing is
 * skipped when an image shrinks: what Pillow and torchvision call bilinear with antialiasing.
 */
export function scaleBox(from: Pixels, box: Box, to: Pixels): void {
  const rows = tapsOf(box.top, box.height, to.height, from.height);
  const columns = tapsOf(box.left, box.width, to.width, from.width);
  const { channels } = from;
  const first = Math.min(...rows.map((tap) => tap.from));
  const last = Math.max(...rows.map((tap) => tap.from + tap.weights.length));
  const narrowed = new Float64Array((last - first) * to.width * channels);
  for (let y = first; y < last; y++) {
    for (let x = 0; x < to.width; x++) {
      const { from: start, weights } = columns[x] as Tap;
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        let at = (y * from.width + start) * channels + c;
        for (let i = 0; i < weights.length; i++, at += channels)
          sum += (weights[i] as number) * (from.data[at] as number);
        narrowed[((y - first) * to.width + x) * channels + c] = sum;
      }
    }
  }
  const stride = to.width * channels;
  const round = isWhole(to);
  for (let y = 0; y < to.height; y++) {
    const { from: start, weights } = rows[y] as Tap;
    for (let i = 0; i < stride; i++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++)
        sum += (weights[k] as number) * (narrowed[(start - first + k) * stride + i] as number);
      to.data[y * stride + i] = round ? Math.round(sum) : sum;
    }
  }
}

function tapsOf(start: number, length: number, count: number, limit: number): Tap[] {
  const scale = length / count;
  const support = Math.max(1, scale);
  return Array.from({ length: count }, (_, i) => {
    const centre = start + (i + 0.5) * scale;
    const from = Math.max(0, Math.round(centre - support));
    const to = Math.min(limit, Math.max(from + 1, Math.round(centre + support)));
    const weights = new Float64Array(to - from);
    let sum = 0;
    for (let k = 0; k < weights.length; k++) {
      weights[k] = Math.max(0, 1 - Math.abs(from + k + 0.5 - centre) / support);
      sum += weights[k] as number;
    }
    if (sum > 0) for (let k = 0; k < weights.length; k++) weights[k] = (weights[k] as number) / sum;
    else weights[0] = 1;
    return { from, weights };
  });
}

/** Where a pixel of the result comes from: `x' = a x + b y + c`, `y' = d x + e y + f`, about the centre of the image. */
export type AffineMap = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/** Draws the image again, in place, through `map` from the result to the source. What lies outside is `fill`. */
export function warp(image: Pixels, [a, b, c, d, e, f]: AffineMap, fill: number): void {
  const { data, height, width, channels } = image;
  const source = data.slice();
  const round = isWhole(image);
  const [cy, cx] = [(height - 1) / 2, (width - 1) / 2];
  const at = (y: number, x: number, channel: number): number =>
    y < 0 || x < 0 || y >= height || x >= width ? fill : (source[(y * width + x) * channels + channel] as number);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sx = a * (x - cx) + b * (y - cy) + c + cx;
      const sy = d * (x - cx) + e * (y - cy) + f + cy;
      // Turns by quarters must give back pixels exactly, in spite of cosines such as 6e-17.
      const x0 = Math.floor(sx + 1e-6);
      const y0 = Math.floor(sy + 1e-6);
      const right = Math.max(0, sx - x0);
      const below = Math.max(0, sy - y0);
      for (let channel = 0; channel < channels; channel++) {
        let value = at(y0, x0, channel) * (1 - right) * (1 - below);
        if (right > 0) value += at(y0, x0 + 1, channel) * right * (1 - below);
        if (below > 0) value += at(y0 + 1, x0, channel) * (1 - right) * below;
        if (right > 0 && below > 0) value += at(y0 + 1, x0 + 1, channel) * right * below;
        data[(y * width + x) * channels + channel] = round ? Math.round(value) : value;
      }
    }
  }
}
