/** The `add` methods of a SummaryWriter for all that has a tag and a step: each makes a payload and hands it on. */
import { type Box, type Color, drawBoxes, imageGrid } from './canvas.ts';
import type { TagDescription } from './event.ts';
import type { EventWriter } from './event-writer.ts';
import { type Audio, audioPayload } from './kinds/audio.ts';
import { LAYOUT_TAG, layoutPayload, type ScalarLayout } from './kinds/custom-scalars.ts';
import { type HistogramBin, histogramBins, histogramPayload, type Numbers } from './kinds/histogram.ts';
import { type Image, imagePayload } from './kinds/image.ts';
import { type Mesh, meshPayloads } from './kinds/mesh.ts';
import { type PrCurve, prCurve, prCurvePayload } from './kinds/pr-curve.ts';
import { textPayload } from './kinds/text.ts';
import { checkTag } from './options.ts';
import type { Pixels } from './png.ts';
import { type Cell, markdownTable } from './table.ts';

/** What a run can be told step by step. */
export abstract class Summaries {
  readonly #events: EventWriter;

  constructor(events: EventWriter) {
    this.#events = events;
  }

  /** Gives a tag a name and a description in Markdown. Comes before the tag's first value. */
  describe(tag: string, about: TagDescription): void {
    this.#events.describe(tag, about);
  }

  /** Writes one number (float32; NaN and infinities too). */
  addScalar(tag: string, value: number, step: number, wallTime?: number): void {
    this.#events.addScalar(tag, value, step, wallTime);
  }

  /** Writes several numbers at one step, as the tags `mainTag/key`. */
  addScalars(mainTag: string, values: Readonly<Record<string, number>>, step: number, wallTime?: number): void {
    for (const [key, value] of Object.entries(values)) this.addScalar(`${mainTag}/${key}`, value, step, wallTime);
  }

  /** Says which curves share a chart of the Custom Scalars tab: categories of charts of tags. Once per run. */
  addCustomScalars(layout: ScalarLayout): void {
    this.#events.add(LAYOUT_TAG, layoutPayload(layout), 0, undefined);
  }

  /**
   * Writes the distribution of `values` in `bins` (default 30) bins of equal width; see `histogramBins`.
   *
   * @returns how many values were left out because they are NaN or infinite.
   */
  addHistogram(
    tag: string,
    values: Numbers,
    step: number,
    { bins = 30, wallTime }: { readonly bins?: number | undefined; readonly wallTime?: number | undefined } = {},
  ): number {
    const counted = histogramBins(values, bins);
    this.#events.add(tag, histogramPayload(counted.bins), step, wallTime);
    return counted.ignored;
  }

  /** Writes a histogram that is counted already. */
  addHistogramBins(tag: string, bins: readonly HistogramBin[], step: number, wallTime?: number): void {
    this.#events.add(tag, histogramPayload(bins), step, wallTime);
  }

  /** Writes one picture: pixels (rows from the top, channels interleaved, 0–255) or the bytes of a PNG file. */
  addImage(tag: string, image: Image, step: number, wallTime?: number): void {
    this.#events.add(tag, imagePayload([image]), step, wallTime);
  }

  /** Writes pictures of one size that TensorBoard shows side by side. */
  addImages(tag: string, images: readonly Image[], step: number, wallTime?: number): void {
    this.#events.add(tag, imagePayload(images), step, wallTime);
  }

  /** Writes pictures as one, in rows; see `imageGrid`. */
  addImageGrid(
    tag: string,
    images: readonly Pixels[],
    step: number,
    options: { readonly columns?: number; readonly padding?: number; readonly background?: Color } = {},
  ): void {
    this.addImage(tag, imageGrid(images, options), step);
  }

  /** Writes a picture with boxes and their labels drawn on it. */
  addImageWithBoxes(tag: string, image: Pixels, boxes: readonly Box[], step: number, wallTime?: number): void {
    this.addImage(tag, drawBoxes(image, boxes), step, wallTime);
  }

  /** Writes a sound: samples from -1 to 1, or the bytes of a WAV file. */
  addAudio(tag: string, sound: Audio, step: number, wallTime?: number): void {
    this.#events.add(tag, audioPayload([sound]), step, wallTime);
  }

  /** Writes Markdown; a list of texts becomes the rows of a table. */
  addText(tag: string, markdown: string | readonly string[], step: number, wallTime?: number): void {
    this.#events.add(tag, textPayload(markdown), step, wallTime);
  }

  /** Writes a table, as Markdown; see `markdownTable`. */
  addTable(tag: string, columns: readonly string[], rows: readonly (readonly Cell[])[], step: number): void {
    this.addText(tag, markdownTable(columns, rows), step);
  }

  /** Writes a precision-recall curve, from labels and scores from 0 to 1; see `prCurve`. */
  addPrCurve(
    tag: string,
    labels: ArrayLike<number | boolean>,
    predictions: Numbers,
    step: number,
    { thresholds, weights }: { readonly thresholds?: number | undefined; readonly weights?: Numbers | undefined } = {},
  ): void {
    this.addPrCurveCounts(tag, prCurve(labels, predictions, thresholds, weights), step);
  }

  /** Writes a precision-recall curve that is counted already. */
  addPrCurveCounts(tag: string, curve: PrCurve, step: number, wallTime?: number): void {
    this.#events.add(tag, prCurvePayload(curve), step, wallTime);
  }

  /** Writes a mesh, or a point cloud when it has no faces. All steps of a tag have as many points. */
  addMesh(tag: string, mesh: Mesh, step: number, wallTime?: number): void {
    checkTag(tag);
    for (const [name, payload] of meshPayloads(tag, mesh)) this.#events.add(name, payload, step, wallTime);
  }
}
