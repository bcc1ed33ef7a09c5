/** The addon that runs small steps (native/steps.cc), where `kelvin native install` has built one. */

/** A compiled list of instructions. */
export type StepsProgram = object;

export interface StepsAddon {
  /** Zeros, at an address that suits vector instructions. */
  allocate(floats: number): Float32Array;
  /** Whoever holds the program holds the buffers, too. */
  create(code: Int32Array, buffers: readonly Float32Array[], work: number): StepsProgram;
  /** 0; 1 when a value that must be finite is not. */
  run(program: StepsProgram): number;
  /** The vector instructions that it uses: `'avx512'`, `'avx2'` or `'sse2'`. */
  readonly level: string;
}

let loaded: StepsAddon | undefined;

/** Makes the addon known, when an engine that has one is loaded. */
export function offerSteps(addon: StepsAddon): void {
  loaded = addon;
}

/** The addon, unless `KELVIN_SMALL_STEPS=off` leaves small steps to TensorFlow too. */
export function stepsAddon(): StepsAddon | undefined {
  return process.env.KELVIN_SMALL_STEPS === 'off' ? undefined : loaded;
}
