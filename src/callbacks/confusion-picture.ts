/** The picture of a confusion matrix: rows are the true classes, columns the predicted ones, each row in its own shades. */
import { Canvas, type Color, textWidth } from 'tensorboard-logger-ts';

const INK: Color = [30, 30, 30];
const PAPER: Color = [255, 255, 255];
const BLUE: Color = [8, 69, 148];
/** Above this many classes cells have no numbers in them. */
const MOST_NUMBERED = 20;

/**
 * Draws a confusion matrix.
 *
 * @param counts square, rows are the true classes
 * @param names one per class; their first six letters are shown
 */
export function confusionPicture(counts: readonly (readonly number[])[], names: readonly string[]): Canvas {
  const classes = counts.length;
  const numbered = classes <= MOST_NUMBERED;
  const cell = numbered ? 32 : Math.max(4, Math.floor(640 / classes));
  const labels = names.map((name) => name.slice(0, 6));
  const margin = numbered ? 18 + 2 * Math.max(...labels.map(textWidth)) : 14;
  const canvas = new Canvas(margin + classes * cell + 8, 30 + classes * cell + 8, PAPER);
  canvas.text('predicted', margin, 3, INK, 2);
  counts.forEach((row, i) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    const top = 30 + i * cell;
    if (numbered)
      write(canvas, labels[i] ?? '', margin - 6 - 2 * textWidth(labels[i] ?? ''), top + cell / 2 - 5, INK, 2);
    row.forEach((count, j) => {
      const left = margin + j * cell;
      const share = total === 0 ? 0 : count / total;
      canvas.fill({ left, top, right: left + cell, bottom: top + cell }, blend(share));
      if (numbered) writeCount(canvas, count, left, top, cell, share > 0.5 ? PAPER : INK);
    });
  });
  if (numbered) {
    for (const [j, label] of labels.entries()) write(canvas, label, margin + j * cell + 4, 19, INK, 1);
  }
  return canvas.box({ left: margin, top: 30, right: margin + classes * cell, bottom: 30 + classes * cell, color: INK });
}

function writeCount(canvas: Canvas, count: number, left: number, top: number, cell: number, color: Color): void {
  const text = count < 100_000 ? String(count) : `${Math.round(count / 1000)}k`;
  const scale = 2 * textWidth(text) <= cell - 4 ? 2 : 1;
  const x = left + Math.floor((cell - scale * textWidth(text)) / 2);
  canvas.text(text, x, top + Math.floor((cell - 5 * scale) / 2), color, scale);
}

function write(canvas: Canvas, text: string, x: number, y: number, color: Color, scale: number): void {
  canvas.text(text, Math.floor(x), Math.floor(y), color, scale);
}

function blend(share: number): Color {
  const [red, green, blue] = PAPER.map((value, i) => Math.round(value + share * ((BLUE[i] ?? 0) - value)));
  return [red ?? 0, green ?? 0, blue ?? 0];
}
