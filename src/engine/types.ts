/**
 * The words that the engines share: their names, what a running engine says of itself, and what is reported of
 * one that could run or cannot.
 */

/**
 * The engines that Kelvin knows how to start, best first. `webgpu`, whose speed nobody has measured yet, and `cpu`, pure
 * JavaScript, run only when asked for.
 */
export const ENGINE_NAMES = ['tensorflow-gpu', 'tensorflow', 'wasm', 'webgpu', 'cpu'] as const;

/** The name of an engine that {@link startEngine} can start. */
export type EngineName = (typeof ENGINE_NAMES)[number];

/** What a running engine says of itself. */
export interface EngineInfo {
  /** An {@link EngineName}, or the backend's own name when the caller brought a backend that Kelvin does not know. */
  readonly name: string;
  /** The name that tfjs knows the backend by: `tf.getBackend()`. */
  readonly backend: string;
  /** What it runs on, in words: `'SIMD, 1 thread'`. */
  readonly detail: string;
  /** Whether reading a scalar back costs next to nothing: false where it would stall a device's queue. */
  readonly cheapReads: boolean;
}

/** One line of `kelvin devices`. */
export interface EngineReport {
  readonly name: EngineName;
  /** Whether it can be started in this process. */
  readonly available: boolean;
  /** Whether it is the one that is running. */
  readonly used: boolean;
  /** The version of the package that brings it. */
  readonly version?: string | undefined;
  /** What it runs on, in words; empty when it is not available. */
  readonly detail: string;
  /** What it could do but does not on this machine or as set, each with the reason; empty when nothing. */
  readonly missing: readonly string[];
  /** Why it is not used or not available; undefined for the engine that is used. */
  readonly reason?: string | undefined;
  /** What to do to make it available. */
  readonly remedy?: string | undefined;
}

/** What came of loading an engine's package: its version, or why not. */
export type LoadResult =
  | { readonly loaded: true; readonly version: string | undefined }
  | { readonly loaded: false; readonly reason: string; readonly remedy: string; readonly cause: unknown };
