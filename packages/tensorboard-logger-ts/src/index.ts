/** The public list of the package: what is not named here is internal. */
export { type Box, Canvas, type Color, drawBoxes, imageGrid, textWidth } from './canvas.ts';
export { crc32c } from './crc32c.ts';
export type { EmbeddingOptions } from './embedding.ts';
export {
  type ReaderErrorCode,
  TensorBoardReaderError,
  TensorBoardWriterError,
  type WriterErrorCode,
} from './errors.ts';
export type { SessionStatus, TagDescription } from './event.ts';
export { type FollowOptions, followEvents } from './follow.ts';
export type { HparamsMetrics, HparamsOptions } from './hparams-log.ts';
export { type KerasLayer, kerasGraph } from './keras-graph.ts';
export type { Audio } from './kinds/audio.ts';
export type { ChartLayout, Margin, ScalarLayout } from './kinds/custom-scalars.ts';
export type { GraphNode } from './kinds/graph.ts';
export { type HistogramBin, histogramBins, type Numbers } from './kinds/histogram.ts';
export type { Hparams, HparamsData, RunStatus } from './kinds/hparams.ts';
export type { Image } from './kinds/image.ts';
export type { Mesh, MeshPart } from './kinds/mesh.ts';
export { type PrCurve, prCurve } from './kinds/pr-curve.ts';
export type { ScalarFormat } from './kinds/scalar.ts';
export type { SummaryWriterOptions } from './options.ts';
export { encodePng, type Pixels, type Png } from './png.ts';
export {
  listRuns,
  readEvents,
  readScalars,
  type ScalarPoint,
  type SummaryValue,
  type TensorBoardEvent,
} from './reader.ts';
export { frameRecord } from './record.ts';
export { type Cell, markdownTable } from './table.ts';
export { encodeWav, type Sound } from './wav.ts';
export { SummaryWriter } from './writer.ts';
