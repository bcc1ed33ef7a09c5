/** Pictures of what a classifier says: each image with the true and the predicted class below it. */
import { Canvas, type Color, imageGrid, type Pixels, textWidth } from 'tensorboard-logger-ts';

const RIGHT: Color = [20, 110, 60];
const WRONG: Color = [190, 30, 30];
const LABEL_HEIGHT = 14;
/** Small images are enlarged to about this many pixels. */
const TILE = 84;

/** An image, its true class and the predicted one, by name. */
export interface Prediction {
  readonly image: Pixels;
  readonly truth: string;
  readonly predicted: string;
}

/** The predictions in a grid: "truth > predicted" below each, red where they differ. */
export function predictionPicture(predictions: readonly Prediction[]): Canvas {
  return imageGrid(predictions.map(tile), { padding: 4, background: [235, 235, 235] });
}

function tile({ image, truth, predicted }: Prediction): Canvas {
  const scale = Math.max(1, Math.floor(TILE / Math.max(image.width, image.height)));
  const label = truth === predicted ? truth : `${truth} > ${predicted}`;
  const letters = 2 * textWidth(label) <= Math.max(TILE, image.width * scale) ? 2 : 1;
  const width = Math.max(image.width * scale, letters * textWidth(label) + 2);
  return new Canvas(width, image.height * scale + LABEL_HEIGHT)
    .image(image, 0, 0, scale)
    .text(label, 1, image.height * scale + 2, truth === predicted ? RIGHT : WRONG, letters);
}

/**
 * Turns values of any range into pixels: the least becomes black, the greatest white.
 *
 * @param shape `[height, width, channels]`, `[height, width]`, or `[pixels]` of a square image
 * @returns undefined for a shape that is no image
 */
export function pixelsOf(values: ArrayLike<number>, shape: readonly number[]): Pixels | undefined {
  const size = sizeOf(shape);
  if (size === undefined) return undefined;
  const numbers = Array.from(values);
  const least = numbers.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const range = numbers.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY) - least;
  return { ...size, data: Uint8Array.from(numbers, (value) => (range > 0 ? (255 * (value - least)) / range : 0)) };
}

function sizeOf(shape: readonly number[]): Omit<Pixels, 'data'> | undefined {
  const [height = 0, width = 0, channels = 1] = shape;
  if (shape.length === 1) {
    const side = Math.sqrt(height);
    return Number.isInteger(side) ? { height: side, width: side, channels: 1 } : undefined;
  }
  if (shape.length > 3 || (channels !== 1 && channels !== 3 && channels !== 4)) return undefined;
  return { height, width, channels };
}
