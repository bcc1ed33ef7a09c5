/**
 * The average of a module's weights over training: kept in the engine while a fit goes on and outside between two, swapped
 * in for evaluation, saved so that both the average and the weights that are trained survive.
 */
import type { Checkpoint, ModuleView } from '../core/contracts.ts';
import type { KeptTensor } from '../core/step-work.ts';
import { share } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import {
  disposeWeights,
  fromHostWeights,
  type HostWeights,
  isWhole,
  putWeights,
  readWeights,
  takeWeights,
  toHostWeights,
  type Weights,
  writeWeights,
} from './weights.ts';

/** What an average between two fits consists of. */
interface Parked {
  readonly module: ModuleView;
  readonly average: HostWeights;
  /** The weights that were trained, when the module has the average instead. */
  readonly live: HostWeights | undefined;
  /** The data that the module's variables had then: when they have other data now, somebody has set them. */
  readonly dataIds: readonly object[];
}

export class AveragedWeights {
  readonly #key: string;
  #module: ModuleView | undefined;
  #variables: ReadonlyMap<string, tf.Variable> = new Map();
  #average: Map<string, tf.Tensor> | undefined;
  /** The weights that are trained, while the module has the average instead. */
  #live: Weights | undefined;
  #parked: Parked | undefined;
  #loaded: { average: HostWeights; live: HostWeights | undefined } | undefined;

  /** @param key under which checkpoints hold the average */
  constructor(key: string) {
    this.#key = key;
  }

  /** False until the first weights have been taken in. */
  get exists(): boolean {
    return this.#average !== undefined;
  }

  /**
   * A fit begins. Goes on with what a checkpoint held, or with what the last fit of this module has left, and gives the
   * module the weights that were trained. Returns false when there was neither.
   */
  attach(module: ModuleView): boolean {
    this.#module = module;
    this.#variables = module.namedVariables();
    const { average, live } = this.#loaded ?? this.#fromLastFit(module) ?? {};
    this.#loaded = undefined;
    this.#parked = undefined;
    if (average === undefined) return false;
    this.#average = new Map(fromHostWeights(average));
    if (live !== undefined) {
      const weights = fromHostWeights(live);
      putWeights(this.#variables, weights);
      disposeWeights(weights);
    }
    return true;
  }

  /** Takes the module's weights in: the average becomes `keep` of itself and `1 - keep` of them. The first is copied. */
  add(keep: number): void {
    if (this.#average === undefined) {
      this.#average = new Map(takeWeights(this.#variables));
      return;
    }
    const average = this.#average;
    tf.tidy(() => {
      const [kept, taken] = [tf.scalar(keep), tf.scalar(1 - keep)];
      for (const [name, variable] of this.#variables) {
        const old = average.get(name);
        const mixes = old !== undefined && variable.dtype === 'float32';
        average.set(name, mixes ? tf.keep(tf.add(tf.mul(old, kept), tf.mul(variable, taken))) : share(variable));
        old?.dispose();
      }
    });
  }

  /** The tensors of the average that {@link add} computes. */
  kept(): KeptTensor[] {
    const average = this.#average;
    if (average === undefined) return [];
    return [...average].flatMap(([name, tensor]) => {
      if (tensor.dtype !== 'float32') return [];
      const read = (): tf.Tensor => this.#average?.get(name) as tf.Tensor;
      const write = (next: tf.Tensor): void => {
        read().dispose();
        this.#average?.set(name, next);
      };
      return [{ name, read, write }];
    });
  }

  /** Takes in the variables that have no mean: what {@link add} does beside computing. */
  addOthers(): void {
    for (const [name, variable] of this.#variables) {
      if (variable.dtype === 'float32') continue;
      this.#average?.get(name)?.dispose();
      this.#average?.set(name, share(variable));
    }
  }

  /** Notes the average; what it returns puts it back. */
  remember(): () => void {
    const held = this.#average && takeWeights(this.#average);
    return () => {
      disposeWeights(this.#average);
      this.#average = held && new Map(held);
    };
  }

  /** Gives the module the average, until {@link swapOut}. */
  swapIn(): void {
    if (this.#average === undefined || this.#live !== undefined) return;
    this.#live = takeWeights(this.#variables);
    putWeights(this.#variables, this.#average);
  }

  /** Gives the module back the weights that are trained. */
  swapOut(): void {
    if (this.#live === undefined) return;
    putWeights(this.#variables, this.#live);
    disposeWeights(this.#live);
    this.#live = undefined;
  }

  /** Takes the module's weights for the average, as they are: after its batch norm statistics have been recomputed. */
  adopt(): void {
    disposeWeights(this.#average);
    this.#average = new Map(takeWeights(this.#variables));
  }

  /** The fit is over: everything leaves the engine. The module keeps the weights that it has. */
  park(): void {
    if (this.#module === undefined) return;
    if (this.#average !== undefined) {
      this.#parked = {
        module: this.#module,
        average: toHostWeights(this.#average),
        live: this.#live && toHostWeights(this.#live),
        dataIds: dataIdsOf(this.#variables),
      };
    }
    this.#drop();
  }

  /** Forgets the average, also one that was parked. */
  reset(): void {
    this.#parked = undefined;
    this.#drop();
  }

  /**
   * Writes the average into a checkpoint. With `asModel` it takes the place of the model's weights, which then lie beside
   * it: whoever loads the checkpoint gets the average.
   */
  save(checkpoint: Checkpoint, { asModel }: { asModel: boolean }): void {
    const parked = this.#parked && isUntouched(this.#parked) ? this.#parked : undefined;
    const average = this.#average ? toHostWeights(this.#average) : parked?.average;
    if (average === undefined) return;
    const live = this.#live ? toHostWeights(this.#live) : (parked?.live ?? readWeights(checkpoint, 'model'));
    writeWeights(checkpoint, 'model', asModel ? average : (live as HostWeights));
    if (!isWhole(checkpoint)) return;
    if (asModel) writeWeights(checkpoint, `${this.#key}/live`, live as HostWeights);
    else writeWeights(checkpoint, `${this.#key}/average`, average);
  }

  /** Reads what {@link save} has written, for the coming fit, and has the checkpoint give the model what is trained. */
  load(checkpoint: Checkpoint): void {
    const live = readWeights(checkpoint, `${this.#key}/live`);
    const average =
      live === undefined ? readWeights(checkpoint, `${this.#key}/average`) : readWeights(checkpoint, 'model');
    this.#parked = undefined;
    this.#loaded = average && { average, live: undefined };
    if (live !== undefined) writeWeights(checkpoint, 'model', live);
  }

  #fromLastFit(module: ModuleView): Parked | undefined {
    return this.#parked?.module === module && isUntouched(this.#parked) ? this.#parked : undefined;
  }

  #drop(): void {
    disposeWeights(this.#average);
    disposeWeights(this.#live);
    this.#average = undefined;
    this.#live = undefined;
    this.#module = undefined;
    this.#variables = new Map();
  }
}

/** True when nobody has set the module's weights since the fit. */
function isUntouched({ module, dataIds }: Parked): boolean {
  return dataIdsOf(module.namedVariables()).every((id, i) => id === dataIds[i]);
}

function dataIdsOf(variables: ReadonlyMap<string, tf.Variable>): object[] {
  return [...variables.values()].map(({ dataId }) => dataId);
}
