/**
 * Changes of colour, in place: brightness, contrast, saturation, hue, and the tone curves of RandAugment. Factors are
 * torchvision's: 1 leaves an image as it is. Grayscale images have no saturation and no hue.
 */
import { isWhole, type Pixels, whiteOf } from './image.ts';

/** Stores `value` between black and white, rounded where the image holds whole numbers. */
function put({ data }: Pixels, index: number, value: number, white: number, round: boolean): void {
  const within = value < 0 ? 0 : value > white ? white : value;
  data[index] = round ? Math.round(within) : within;
}

/** Each value by `f` of it. */
export function mapValues(image: Pixels, f: (value: number, index: number) => number): void {
  const white = whiteOf(image);
  const round = isWhole(image);
  for (let i = 0; i < image.data.length; i++) put(image, i, f(image.data[i] as number, i), white, round);
}

/** Each value times `factor`. */
export const adjustBrightness = (image: Pixels, factor: number): void => mapValues(image, (value) => value * factor);

/** Away from the mean gray by `factor`. */
export function adjustContrast(image: Pixels, factor: number): void {
  const mean = meanGray(image);
  mapValues(image, (value) => mean + factor * (value - mean));
}

/** Away from its own gray by `factor`, pixel by pixel. */
export function adjustSaturation(image: Pixels, factor: number): void {
  if (image.channels !== 3) return;
  const white = whiteOf(image);
  const round = isWhole(image);
  for (let i = 0; i < image.data.length; i += 3) {
    const gray = grayAt(image, i);
    for (let c = i; c < i + 3; c++) put(image, c, gray + factor * ((image.data[c] as number) - gray), white, round);
  }
}

/** Round the circle of hues by `turn`, from -0.5 to 0.5. */
export function adjustHue(image: Pixels, turn: number): void {
  if (image.channels !== 3 || turn === 0) return;
  const white = whiteOf(image);
  const round = isWhole(image);
  const { data } = image;
  for (let i = 0; i < data.length; i += 3) {
    const [r, g, b] = [data[i] as number, data[i + 1] as number, data[i + 2] as number];
    const most = Math.max(r, g, b);
    const spread = most - Math.min(r, g, b);
    if (spread === 0) continue;
    const sector = most === r ? (g - b) / spread : most === g ? 2 + (b - r) / spread : 4 + (r - g) / spread;
    const hue = (sector + 6 * turn + 12) % 6;
    // The value of channel n lies (n + hue) sixths round the circle (Smith, "Color gamut transform pairs", 1978).
    for (const [channel, n] of [5, 3, 1].entries()) {
      const k = (n + hue) % 6;
      put(image, i + channel, most - spread * Math.max(0, Math.min(k, 4 - k, 1)), white, round);
    }
  }
}

/** Away from its blurred self by `factor`, but for the border. The blur is Pillow's: 3x3 with a centre of 5. */
export function adjustSharpness(image: Pixels, factor: number): void {
  const { height, width, channels, data } = image;
  const source = Float64Array.from(data);
  const white = whiteOf(image);
  const round = isWhole(image);
  const stride = width * channels;
  for (let y = 1; y < height - 1; y++) {
    for (let i = y * stride + channels; i < (y + 1) * stride - channels; i++) {
      let sum = 4 * (source[i] as number);
      for (const line of [i - stride, i, i + stride]) {
        sum += (source[line - channels] as number) + (source[line] as number) + (source[line + channels] as number);
      }
      const blurred = sum / 13;
      put(image, i, blurred + factor * ((source[i] as number) - blurred), white, round);
    }
  }
}

/** Keeps the highest `bits` of eight. */
export function posterize(image: Pixels, bits: number): void {
  const white = whiteOf(image);
  const step = 2 ** (8 - bits);
  mapValues(image, (value) => (Math.floor(Math.round((255 * value) / white) / step) * step * white) / 255);
}

/** Inverts what is at least `threshold`, a part of white. */
export function solarize(image: Pixels, threshold: number): void {
  const white = whiteOf(image);
  mapValues(image, (value) => (value >= threshold * white ? white - value : value));
}

/** Stretches each channel from black to white. */
export function autocontrast(image: Pixels): void {
  const { channels, data } = image;
  const white = whiteOf(image);
  const low = new Float64Array(channels).fill(Number.POSITIVE_INFINITY);
  const high = new Float64Array(channels).fill(Number.NEGATIVE_INFINITY);
  for (let i = 0; i < data.length; i++) {
    low[i % channels] = Math.min(low[i % channels] as number, data[i] as number);
    high[i % channels] = Math.max(high[i % channels] as number, data[i] as number);
  }
  mapValues(image, (value, i) => {
    const [from, to] = [low[i % channels] as number, high[i % channels] as number];
    return to > from ? ((value - from) / (to - from)) * white : value;
  });
}

/** Makes all 256 levels of each channel equally frequent, as far as that goes. */
export function equalize(image: Pixels): void {
  const { channels, data } = image;
  const white = whiteOf(image);
  const levelOf = (value: number): number => Math.min(255, Math.max(0, Math.round((255 * value) / white)));
  const curves = Array.from({ length: channels }, (_, channel) => {
    const counts = new Uint32Array(256);
    for (let i = channel; i < data.length; i += channels) {
      const level = levelOf(data[i] as number);
      counts[level] = (counts[level] as number) + 1;
    }
    return equalizing(counts);
  });
  mapValues(image, (value, i) => {
    const curve = curves[i % channels];
    return curve ? ((curve[levelOf(value)] as number) * white) / 255 : value;
  });
}

/** The curve of Pillow's `equalize`; undefined where there is one level only. */
function equalizing(counts: Uint32Array): Uint8Array | undefined {
  const used = counts.filter((count) => count > 0);
  const total = used.reduce((a, b) => a + b, 0);
  const step = Math.floor((total - (used.at(-1) ?? 0)) / 255);
  if (step === 0) return undefined;
  let sum = step >> 1;
  return Uint8Array.from(counts, (count) => {
    const level = Math.min(255, Math.floor(sum / step));
    sum += count;
    return level;
  });
}

/** Rec. 601 luma. */
function grayAt({ data, channels }: Pixels, at: number): number {
  if (channels !== 3) return data[at] as number;
  return 0.299 * (data[at] as number) + 0.587 * (data[at + 1] as number) + 0.114 * (data[at + 2] as number);
}

function meanGray(image: Pixels): number {
  const step = image.channels === 3 ? 3 : 1;
  let sum = 0;
  for (let i = 0; i < image.data.length; i += step) sum += grayAt(image, i);
  return (sum * step) / image.data.length;
}
