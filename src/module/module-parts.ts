/**
 * What a module consists of, whether or not a trainer runs it: its variables, the modules nested in it, its
 * hyper-parameters, and whether it is in training mode.
 */
import type { HyperParameters } from '../core/contracts.ts';
import type * as tf from '../core/tf.ts';
import { plainHyperparameters } from './hyperparameters.ts';
import {
  type FoundVariable,
  findNested,
  findSubmodules,
  findVariables,
  type Submodule,
  setTrainable,
} from './variables.ts';

/** The part of a {@link LightningModule} that needs no trainer. Extend that, not this. */
export abstract class ModuleParts {
  #training = true;
  #frozen = false;
  #hparams: HyperParameters = {};

  /** True in training, false in validation, test and prediction. Hand it to `apply`: `{ training: this.training }`. */
  get training(): boolean {
    return this.#training;
  }

  /**
   * Switches to training mode, or with `false` to evaluation mode; the modules in its public fields go along. A frozen
   * module stays in evaluation mode.
   */
  train(mode = true): this {
    this.#training = mode && !this.#frozen;
    for (const nested of nestedModules(this)) nested.train(mode);
    return this;
  }

  /** Switches to evaluation mode: dropout off, batch norm on its running statistics. */
  eval(): this {
    return this.train(false);
  }

  /** The hyper-parameters given to {@link saveHyperparameters}. */
  get hparams(): HyperParameters {
    return this.#hparams;
  }

  /**
   * Remembers the constructor's options: they are logged, saved in checkpoints, and rebuild the module in
   * `loadFromCheckpoint`. Values that are no JSON (models, functions) are left out.
   */
  saveHyperparameters(hparams: Readonly<Record<string, unknown>>): void {
    this.#hparams = { ...this.#hparams, ...plainHyperparameters(this.constructor.name, hparams) };
  }

  /** The variables that are trained: pass them to the optimizer. */
  parameters(): tf.Variable[] {
    return this.foundVariables()
      .filter((found) => found.trainable)
      .map((found) => found.variable);
  }

  /** All variables by their path, `net.0.kernel`, moving averages included. This is what a checkpoint holds. */
  namedVariables(): Map<string, tf.Variable> {
    return new Map(this.foundVariables().map(({ name, variable }) => [name, variable]));
  }

  /** All variables with their names and whether they are trained. */
  foundVariables(): FoundVariable[] {
    return findVariables(this);
  }

  /** The parts of the module, as the model summary lists them. */
  submodules(): Submodule[] {
    return findSubmodules(this);
  }

  /** Stops training all of the module's layers and variables, and switches to evaluation mode. */
  freeze(): this {
    this.#setFrozen(true);
    setTrainable(this, false);
    return this.eval();
  }

  /** Trains all of the module's layers and variables again. */
  unfreeze(): this {
    this.#setFrozen(false);
    setTrainable(this, true);
    return this.train();
  }

  /** Disposes of all variables of the module. It cannot be used afterwards. */
  dispose(): void {
    for (const { variable } of this.foundVariables()) if (!variable.isDisposed) variable.dispose();
  }

  #setFrozen(frozen: boolean): void {
    this.#frozen = frozen;
    for (const nested of nestedModules(this)) nested.#setFrozen(frozen);
  }
}

/** The modules in a module's public fields. For the trainer alone. */
export function nestedModules(module: ModuleParts): ModuleParts[] {
  return findNested(module).filter((nested) => nested instanceof ModuleParts);
}
