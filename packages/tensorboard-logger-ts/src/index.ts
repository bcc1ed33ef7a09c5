/** The public list of the package: what is not named here is internal. */
export { crc32c } from './crc32c.ts';
export {
  type ReaderErrorCode,
  TensorBoardReaderError,
  TensorBoardWriterError,
  type WriterErrorCode,
} from './errors.ts';
export type { SessionStatus } from './event.ts';
export { type HistogramBin, histogramBins, type Numbers } from './kinds/histogram.ts';
export type { Hparams, HparamsData, RunStatus } from './kinds/hparams.ts';
export type { Image } from './kinds/image.ts';
export type { SummaryWriterOptions } from './options.ts';
export { encodePng, type Pixels, type Png } from './png.ts';
export { readEvents, readScalars, type ScalarPoint, type SummaryValue, type TensorBoardEvent } from './reader.ts';
export { frameRecord } from './record.ts';
export { type HparamsOptions, SummaryWriter } from './writer.ts';
