/**
 * A pen that draws smooth strokes on a small grey image, anti-aliased by the distance of each pixel to the stroke.
 */

/** An image to draw on, one number from 0 to 1 per pixel. */
export interface Canvas {
  readonly size: number;
  readonly pixels: Float32Array;
}

/** How the pen is held: its radius in pixels, how much the radius swells along a stroke, how soft its edge is. */
export interface Pen {
  readonly radius: number;
  readonly swell: number;
  readonly softness: number;
  readonly ink: number;
}

/** Pieces per span between two points: spans are a few pixels long. */
const PIECES = 5;

/**
 * Draws a Catmull-Rom curve through `points` (x, y in pixels); at corners it starts anew.
 * (Catmull and Rom, "A class of local interpolating splines", 1974.)
 */
export function drawStroke(canvas: Canvas, pen: Pen, points: Float32Array, corners: readonly boolean[]): void {
  const last = points.length / 2 - 1;
  for (let i = 0; i < last; i++) {
    // The neighbours give the tangents; past an end or a corner the end point stands in.
    const before = i === 0 || corners[i] ? i : i - 1;
    const after = i + 1 === last || corners[i + 1] ? i + 1 : i + 2;
    const [x0, y0] = [points[2 * before] as number, points[2 * before + 1] as number];
    const [x1, y1] = [points[2 * i] as number, points[2 * i + 1] as number];
    const [x2, y2] = [points[2 * i + 2] as number, points[2 * i + 3] as number];
    const [x3, y3] = [points[2 * after] as number, points[2 * after + 1] as number];
    let fromX = x1;
    let fromY = y1;
    for (let piece = 1; piece <= PIECES; piece++) {
      const t = piece / PIECES;
      const toX = curve(x0, x1, x2, x3, t);
      const toY = curve(y0, y1, y2, y3, t);
      const radius = pen.radius * (1 + pen.swell * Math.sin(((i + t) / last) * Math.PI * 2));
      drawSegment(canvas, radius, pen, fromX, fromY, toX, toY);
      fromX = toX;
      fromY = toY;
    }
  }
}

function curve(a: number, b: number, c: number, d: number, t: number): number {
  const tangentB = (c - a) / 2;
  const tangentC = (d - b) / 2;
  const t2 = t * t;
  const t3 = t2 * t;
  return (2 * t3 - 3 * t2 + 1) * b + (t3 - 2 * t2 + t) * tangentB + (3 * t2 - 2 * t3) * c + (t3 - t2) * tangentC;
}

function drawSegment(
  { size, pixels }: Canvas,
  radius: number,
  { softness, ink }: Pen,
  x1: number,
  y1: number,
  x2: number,
  y2: number,
): void {
  const reach = radius + softness;
  const left = Math.max(0, Math.ceil(Math.min(x1, x2) - reach));
  const right = Math.min(size - 1, Math.floor(Math.max(x1, x2) + reach));
  const top = Math.max(0, Math.ceil(Math.min(y1, y2) - reach));
  const bottom = Math.min(size - 1, Math.floor(Math.max(y1, y2) + reach));
  const dx = x2 - x1;
  const dy = y2 - y1;
  const scale = 1 / Math.max(dx * dx + dy * dy, 1e-9);
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const along = Math.max(0, Math.min(1, ((x - x1) * dx + (y - y1) * dy) * scale));
      const ex = x - x1 - along * dx;
      const ey = y - y1 - along * dy;
      const distance = Math.sqrt(ex * ex + ey * ey);
      const cover = (ink * (reach - distance)) / (2 * softness);
      const at = y * size + x;
      if (cover > (pixels[at] as number)) pixels[at] = Math.min(ink, cover);
    }
  }
}
