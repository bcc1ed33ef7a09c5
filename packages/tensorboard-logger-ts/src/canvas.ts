/** A small canvas for what is drawn before it is logged: pictures in a grid, boxes, labels, tables of colours. */
import { show, TensorBoardWriterError } from './errors.ts';
import { eachDot, LETTER_HEIGHT, LETTER_WIDTH } from './font.ts';
import type { Pixels } from './png.ts';

/** Red, green, blue: 0–255 each. */
export type Color = readonly [red: number, green: number, blue: number];

/** A box in pixels; `right` and `bottom` are the first pixels outside. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  /** Written above the box, or in it at the upper edge of the picture. */
  readonly label?: string | undefined;
  /** Default: red. */
  readonly color?: Color | undefined;
}

const RED: Color = [230, 40, 40];

/**
 * RGB pixels to draw on. What lies outside is left out.
 *
 * @example
 * ```ts
 * const canvas = new Canvas(120, 40).fill({ left: 0, top: 0, right: 60, bottom: 40 }, [0, 90, 180]);
 * writer.addImage('drawn', canvas.text('7 > 1', 4, 4, [255, 255, 255], 2), 0);
 * ```
 */
export class Canvas implements Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels = 3;
  readonly data: Uint8Array;

  /** @throws TensorBoardWriterError `invalid-value` for a size that is no whole number of at least 1. */
  constructor(width: number, height: number, background: Color = [255, 255, 255]) {
    for (const size of [width, height]) {
      if (Number.isInteger(size) && size >= 1) continue;
      throw new TensorBoardWriterError('invalid-value', `Expected a size of at least 1 pixel, got ${show(size)}.`);
    }
    this.width = width;
    this.height = height;
    this.data = new Uint8Array(3 * width * height);
    this.fill({ left: 0, top: 0, right: width, bottom: height }, background);
  }

  /** Fills the inside of a box. */
  fill({ left, top, right, bottom }: Box, color: Color): this {
    for (let y = Math.max(0, top); y < Math.min(this.height, bottom); y++) {
      for (let x = Math.max(0, left); x < Math.min(this.width, right); x++)
        this.data.set(color, 3 * (y * this.width + x));
    }
    return this;
  }

  /** Draws the outline of a box, `thickness` pixels wide and inside it, with its label. */
  box(box: Box, thickness = 1): this {
    const { left, top, right, bottom, label, color = RED } = box;
    this.fill({ left, top, right, bottom: top + thickness }, color);
    this.fill({ left, top: bottom - thickness, right, bottom }, color);
    this.fill({ left, top, right: left + thickness, bottom }, color);
    this.fill({ left: right - thickness, top, right, bottom }, color);
    if (label === undefined) return this;
    const height = LETTER_HEIGHT + 2;
    const above = top >= height ? top - height : top;
    this.fill({ left, top: above, right: left + textWidth(label) + 2, bottom: above + height }, color);
    return this.text(label, left + 1, above + 1, [255, 255, 255]);
  }

  /** Writes in letters of 3 × 5 points of `scale` pixels; (x, y) is the upper left corner. */
  text(text: string, x: number, y: number, color: Color = [0, 0, 0], scale = 1): this {
    eachDot(text, (dx, dy) => {
      const [left, top] = [x + dx * scale, y + dy * scale];
      this.fill({ left, top, right: left + scale, bottom: top + scale }, color);
    });
    return this;
  }

  /** Puts a picture there, each of its pixels `scale` pixels wide; of transparent pixels only their share shows. */
  image(image: Pixels, x: number, y: number, scale = 1): this {
    for (let row = 0; row < image.height * scale; row++) {
      for (let column = 0; column < image.width * scale; column++) {
        const [left, top] = [x + column, y + row];
        if (left < 0 || top < 0 || left >= this.width || top >= this.height) continue;
        this.#blend(image, Math.floor(row / scale) * image.width + Math.floor(column / scale), top * this.width + left);
      }
    }
    return this;
  }

  #blend({ data, channels }: Pixels, source: number, target: number): void {
    const at = source * channels;
    const alpha = channels === 4 ? (data[at + 3] ?? 255) / 255 : 1;
    for (let i = 0; i < 3; i++) {
      const value = data[at + (channels === 1 ? 0 : i)] ?? 0;
      this.data[3 * target + i] = Math.round(alpha * value + (1 - alpha) * (this.data[3 * target + i] ?? 0));
    }
  }
}

/** The width of a text in pixels at scale 1. */
export function textWidth(text: string): number {
  return Math.max(0, [...text].length * LETTER_WIDTH - 1);
}

/**
 * Puts pictures into one, row by row.
 *
 * @param columns default: as many as make it about square
 * @throws TensorBoardWriterError `invalid-value` without pictures
 */
export function imageGrid(
  images: readonly Pixels[],
  {
    columns = Math.ceil(Math.sqrt(images.length)),
    padding = 2,
    background,
  }: {
    readonly columns?: number | undefined;
    readonly padding?: number | undefined;
    readonly background?: Color | undefined;
  } = {},
): Canvas {
  if (images.length === 0 || !Number.isInteger(columns) || columns < 1) {
    const got = `${images.length} and ${show(columns)}`;
    throw new TensorBoardWriterError('invalid-value', `Expected images and at least one column, got ${got}.`);
  }
  const width = Math.max(...images.map((image) => image.width)) + padding;
  const height = Math.max(...images.map((image) => image.height)) + padding;
  const across = Math.min(columns, images.length);
  const rows = Math.ceil(images.length / columns);
  const canvas = new Canvas(across * width + padding, rows * height + padding, background);
  images.forEach((image, i) => {
    canvas.image(image, padding + (i % columns) * width, padding + Math.floor(i / columns) * height);
  });
  return canvas;
}

/** The picture with boxes drawn on it. */
export function drawBoxes(image: Pixels, boxes: readonly Box[], thickness = 1): Canvas {
  const canvas = new Canvas(image.width, image.height).image(image, 0, 0);
  for (const box of boxes) canvas.box(box, thickness);
  return canvas;
}
