/**
 * Applies an update rule to every parameter and owns the state that the rule needs. State is kept by variable and
 * replaced as a whole (copy and swap), never written in place: engines may share or cache a tensor's data.
 */
import { ConfigError, DataError } from '../core/errors.ts';
import type { NumberSource } from '../core/recording.ts';
import { share } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import { type ConstraintOptions, maxNormed, withConstraintNumbers, withConstraints } from './max-norm.ts';
import { type SharedNumbers, withNumbers } from './numbers.ts';
import { type GradientsByName, type NameOf, Optimizer, type OptimizerState } from './optimizer.ts';
import { checkDistinct, makeGroups, type OptionsSchema, type ParamGroup } from './param-groups.ts';
import { groupStates, type ParamState, readState } from './state.ts';
import type { Scalars, StepNumbers, UpdateRule } from './update-rule.ts';

/** What makes an optimizer: its name, its options and its rule. */
export interface OptimizerDefinition<G extends ParamGroup> {
  readonly type: string;
  readonly schema: OptionsSchema;
  readonly rule: UpdateRule<G>;
  /** Checks what a schema cannot: options that contradict one another. */
  readonly check?: (owner: string, group: G) => void;
}

const NO_SCALARS: Scalars = {};

/** The base of the optimizers that are update rules of this project. */
export abstract class RuleOptimizer<G extends ParamGroup> extends Optimizer<G> {
  readonly #definition: OptimizerDefinition<G>;
  readonly #shared: object;
  readonly #states = new Map<tf.Variable, ParamState>();
  readonly #sources = new WeakMap<tf.Variable, NumberSource>();
  /** What the numbers of a group were last computed of, and what becomes of it: a counted step takes it over. */
  #computed: { readonly group: G; readonly from: Scalars; readonly to: Scalars } | undefined;

  protected constructor(definition: OptimizerDefinition<G>, params: unknown, options: object) {
    const schema = withConstraints(definition.schema);
    super(definition.type, makeGroups(definition.type, schema, params, options) as G[]);
    this.#definition = { ...definition, schema, rule: withConstraintNumbers(definition.rule) };
    this.#shared = options;
    this.#checkGroups(this.paramGroups);
  }

  /**
   * Adds parameters while training, as when layers are unfrozen. Options that are not given are the common ones.
   *
   * @throws ConfigError when a variable is in another group already
   */
  addParamGroup(group: { readonly params: Iterable<tf.Variable>; readonly [option: string]: unknown }): void {
    const { type, schema } = this.#definition;
    const added = makeGroups(type, schema, [group], this.#shared) as G[];
    this.#checkGroups([...this.paramGroups, ...added]);
    this.paramGroups.push(...added);
  }

  step(gradients: GradientsByName): void {
    const compute = this.#definition.rule.numbers;
    withNumbers({ compute, source: (group, param) => this.#sourceOf(group, param) }, (numbersOf) => {
      for (const group of this.paramGroups) {
        for (const param of group.params) {
          const gradient = gradients[param.name];
          if (!gradient) continue;
          const numbers = numbersOf(group, param, this.#states.get(param)?.scalars ?? NO_SCALARS);
          tf.tidy(() => this.#update(param, gradient, group, numbers));
        }
      }
    });
    this.stepCount += 1;
  }

  stateDict(nameOf: NameOf = (variable) => variable.name): OptimizerState {
    const scalars: Record<string, Record<string, number>> = {};
    const tensors: Record<string, Record<string, tf.Tensor>> = {};
    for (const [param, state] of this.#states) {
      scalars[nameOf(param)] = { ...state.scalars };
      tensors[nameOf(param)] = { ...state.slots };
    }
    const paramGroups = groupStates(this.paramGroups, nameOf);
    return { type: this.type, stepCount: this.stepCount, paramGroups, scalars, tensors };
  }

  loadStateDict(state: OptimizerState, nameOf: NameOf = (variable) => variable.name): void {
    const loaded = readState(state, this.#definition, this.paramGroups, nameOf);
    this.dispose();
    this.stepCount = state.stepCount;
    loaded.options.forEach((options, index) => {
      Object.assign(this.paramGroups[index] as G, options);
    });
    for (const [param, { slots, scalars }] of loaded.states) {
      const copies = Object.entries(slots).map(([slot, tensor]) => [slot, tf.keep(tf.clone(tensor))] as const);
      this.#states.set(param, { slots: Object.fromEntries(copies), scalars: { ...scalars } });
    }
  }

  dispose(): void {
    for (const { slots } of this.#states.values()) tf.dispose(slots);
    this.#states.clear();
  }

  /** The tensors of its state, for a compiled step that keeps them elsewhere. */
  slotTensors(): { readonly param: tf.Variable; readonly slot: string; readonly tensor: tf.Tensor }[] {
    return [...this.#states].flatMap(([param, { slots }]) =>
      Object.entries(slots).map(([slot, tensor]) => ({ param, slot, tensor })),
    );
  }

  /** One of them. */
  slot(param: tf.Variable, slot: string): tf.Tensor {
    return (this.#states.get(param) as ParamState).slots[slot] as tf.Tensor;
  }

  /** Puts a tensor in the place of a slot's, which is disposed of. Takes the tensor over. */
  replaceSlot(param: tf.Variable, slot: string, tensor: tf.Tensor): void {
    const state = this.#states.get(param) as ParamState;
    state.slots[slot]?.dispose();
    this.#states.set(param, { ...state, slots: { ...state.slots, [slot]: tensor } });
  }

  /** Notes its state; what it returns puts that back. */
  remember(): () => void {
    const { stepCount } = this;
    const states = [...this.#states].map(([param, { slots, scalars }]) => {
      const held = Object.entries(slots).map(([slot, tensor]) => [slot, share(tensor)] as const);
      return [param, { slots: Object.fromEntries(held), scalars }] as const;
    });
    return () => {
      this.dispose();
      this.stepCount = stepCount;
      for (const [param, state] of states) this.#states.set(param, state);
    };
  }

  /** Counts a step that was taken elsewhere, and brings the numbers of the parameters that took it up to date. */
  countStep(stepped: (param: tf.Variable) => boolean): void {
    for (const group of this.paramGroups) {
      for (const param of group.params) {
        const state = this.#states.get(param);
        if (state === undefined || !stepped(param)) continue;
        const { scalars } = state;
        if (this.#computed?.group !== group || this.#computed.from !== scalars) this.#numbers(group, scalars);
        this.#states.set(param, { slots: state.slots, scalars: (this.#computed as { to: Scalars }).to });
      }
    }
    this.stepCount += 1;
  }

  #update(param: tf.Variable, gradient: tf.Tensor, group: G, shared: SharedNumbers): void {
    if (!tf.util.arraysEqual(param.shape, gradient.shape)) throw gradientShape(this.type, param, gradient);
    const state = this.#states.get(param);
    const direction = (group as { maximize?: boolean }).maximize ? tf.neg(gradient) : gradient;
    const next = this.#definition.rule.update({
      param,
      gradient: direction,
      slots: state?.slots ?? {},
      group,
      numbers: shared.values,
      number: shared.number,
    });
    const slots = next.slots ?? {};
    for (const slot in slots) tf.keep(slots[slot] as tf.Tensor);
    if (state) tf.dispose(state.slots);
    this.#states.set(param, { slots, scalars: shared.scalars });
    const limited = (group as ConstraintOptions).maxNorm !== undefined && param.rank > 1;
    param.assign(limited ? maxNormed(next.param, shared.number('maxNorm')) : next.param);
  }

  #sourceOf(group: G, param: tf.Variable): NumberSource {
    const known = this.#sources.get(param);
    if (known) return known;
    const source = { values: () => this.#numbers(group, this.#states.get(param)?.scalars ?? NO_SCALARS) };
    this.#sources.set(param, source);
    return source;
  }

  #numbers(group: G, from: Scalars): StepNumbers['values'] {
    const { values, scalars: to } = this.#definition.rule.numbers(group, from);
    this.#computed = { group, from, to };
    return values;
  }

  #checkGroups(groups: readonly G[]): void {
    const { type, check } = this.#definition;
    checkDistinct(type, groups);
    groups.forEach((group, index) => {
      check?.(groups.length > 1 ? `${type}: parameter group ${index}` : type, group);
    });
  }
}

/** The error for options that exclude one another. */
export function contradiction(owner: string, what: string, help: string): ConfigError {
  return new ConfigError(`${owner}: ${what}`, { code: 'invalid-option', help });
}

function gradientShape(type: string, param: tf.Variable, gradient: tf.Tensor): DataError {
  return new DataError(`${type}: the gradient of '${param.name}'`, {
    code: 'gradient-shape',
    expected: `the variable's shape [${param.shape}]`,
    got: `[${gradient.shape}]`,
  });
}
