/** The table that leads from a plugin's name to the decoder of its payload; a new kind adds one row. */
import type { RawValue } from '../event.ts';
import type { Png } from '../png.ts';
import { AUDIO, decodeAudio } from './audio.ts';
import { CUSTOM_SCALARS, decodeLayout, type ScalarLayout } from './custom-scalars.ts';
import { decodeHistogram, HISTOGRAMS, type HistogramBin } from './histogram.ts';
import { decodeHparams, HPARAMS, type HparamsData } from './hparams.ts';
import { decodeImages, IMAGES } from './image.ts';
import { decodeMesh, MESH, type MeshPart } from './mesh.ts';
import { decodePrCurve, PR_CURVES, type PrCurve } from './pr-curve.ts';
import { decodeScalar, SCALARS } from './scalar.ts';
import { decodeTexts, TEXT } from './text.ts';

/** What a value holds, by kind: exactly one is set, or none for a plugin that this package does not know. */
export interface DecodedPayload {
  readonly scalar?: number;
  readonly histogram?: readonly HistogramBin[];
  readonly images?: readonly Png[];
  readonly texts?: readonly string[];
  readonly hparams?: HparamsData;
  readonly prCurve?: PrCurve;
  /** WAV files. */
  readonly audio?: readonly Uint8Array[];
  readonly mesh?: MeshPart;
  readonly layout?: ScalarLayout;
}

const DECODERS: Readonly<Record<string, (value: RawValue) => DecodedPayload>> = {
  [SCALARS]: decodeScalar,
  [HISTOGRAMS]: decodeHistogram,
  [IMAGES]: decodeImages,
  [TEXT]: decodeTexts,
  [HPARAMS]: decodeHparams,
  [PR_CURVES]: decodePrCurve,
  [AUDIO]: decodeAudio,
  [MESH]: decodeMesh,
  [CUSTOM_SCALARS]: decodeLayout,
};

export function decodePayload(plugin: string, value: RawValue): DecodedPayload {
  return Object.hasOwn(DECODERS, plugin) ? (DECODERS[plugin]?.(value) ?? {}) : {};
}

/** The plugin of a value without metadata: old writers tell it by the field they use. */
export function impliedPlugin(value: RawValue): string {
  if (value.simpleValue !== undefined) return SCALARS;
  if (value.histo !== undefined) return HISTOGRAMS;
  if (value.audio !== undefined) return AUDIO;
  return value.image === undefined ? '' : IMAGES;
}
