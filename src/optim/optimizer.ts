/**
 * What every optimizer is: parameter groups, a step, and a state that can be saved. How a step moves the parameters
 * is up to the two kinds below it: update rules of this project, and tfjs optimizers behind an adapter.
 */
import type * as tf from '../core/tf.ts';
import type { ParamGroup } from './param-groups.ts';

/** Gradients by variable name, as `tf.variableGrads` gives them. A missing one leaves its variable alone. */
export type GradientsByName = Readonly<Record<string, tf.Tensor | null | undefined>>;

/** The values that can be options of a parameter group. */
export type GroupOption = number | boolean | readonly number[];

/** A parameter group in a saved state: the names of its variables, and its options. */
export interface GroupState {
  readonly params: readonly string[];
  readonly options: Readonly<Record<string, GroupOption>>;
}

/** Everything that an optimizer has to remember: plain data, but for the tensors. */
export interface OptimizerState {
  /** The optimizer's name: `'Adam'`. */
  readonly type: string;
  readonly stepCount: number;
  readonly paramGroups: readonly GroupState[];
  /** Numbers kept per variable, such as its own step count, by variable name. */
  readonly scalars: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Tensors kept per variable, such as moments, by variable name and slot. */
  readonly tensors: Readonly<Record<string, Readonly<Record<string, tf.Tensor>>>>;
}

/** Names a variable in a saved state; by default its own name. */
export type NameOf = (variable: tf.Variable) => string;

/**
 * The base of all optimizers. `step` takes gradients by variable name and moves the variables.
 *
 * State is kept by variable, so freezing, unfreezing or reordering variables never mixes up their moments.
 *
 * @example
 * ```ts
 * const optimizer = new AdamW(module.parameters(), { lr: 1e-3 });
 * const { value, grads } = tf.variableGrads(() => loss());
 * optimizer.step(grads);
 * tf.dispose([value, grads]);
 * ```
 */
export abstract class Optimizer<G extends ParamGroup = ParamGroup> {
  /** The name of the optimizer, as it stands in saved states and in display names. */
  readonly type: string;
  readonly paramGroups: G[];
  #stepCount = 0;

  protected constructor(type: string, paramGroups: G[]) {
    this.type = type;
    this.paramGroups = paramGroups;
  }

  /** Steps taken so far. */
  get stepCount(): number {
    return this.#stepCount;
  }

  protected set stepCount(count: number) {
    this.#stepCount = count;
  }

  /** The learning rate of the first group. */
  get lr(): number {
    return this.#first.lr;
  }

  set lr(rate: number) {
    this.#first.lr = rate;
  }

  get #first(): G {
    return this.paramGroups[0] as G;
  }

  /**
   * Moves the variables by one step. Variables without a gradient are left alone; the gradients are not disposed of.
   *
   * @throws DataError `gradient-shape` when a gradient does not have its variable's shape
   */
  abstract step(gradients: GradientsByName): void;

  /**
   * What has to be saved for an exact resume. The tensors are the live ones: copy what must outlast the next step.
   *
   * @param nameOf names the variables in the state; by default tfjs's names, which depend on the order of construction
   */
  abstract stateDict(nameOf?: NameOf): OptimizerState;

  /**
   * Takes over a saved state, copying its tensors. Nothing is changed when the state does not fit.
   *
   * @throws CheckpointError naming the variable or the group that does not fit
   */
  abstract loadStateDict(state: OptimizerState, nameOf?: NameOf): void;

  /** Frees the optimizer's tensors. The variables are the caller's. */
  abstract dispose(): void;
}
