/** Reading and writing saved optimizer states: what is in them, and the checks that a state fits its optimizer. */
import { CheckpointError, messageOf, show } from '../core/errors.ts';
import { parseOptions } from '../core/options.ts';
import * as tf from '../core/tf.ts';
import type { GroupOption, GroupState, NameOf, OptimizerState } from './optimizer.ts';
import type { OptionsSchema, ParamGroup } from './param-groups.ts';
import type { Scalars, Slots, UpdateRule } from './update-rule.ts';

/** What an optimizer remembers of one parameter. */
export interface ParamState {
  readonly slots: Slots;
  readonly scalars: Scalars;
}

/** A state that has been found to fit. */
export interface FittingState {
  readonly options: readonly object[];
  readonly states: ReadonlyMap<tf.Variable, ParamState>;
}

interface Owner<G extends ParamGroup> {
  readonly type: string;
  readonly schema: OptionsSchema;
  readonly rule: UpdateRule<G>;
}

/** The groups as they are saved: names instead of variables. */
export function groupStates(groups: readonly ParamGroup[], nameOf: NameOf): GroupState[] {
  return groups.map(({ params, ...options }) => ({
    params: params.map(nameOf),
    options: Object.fromEntries(
      Object.entries(options)
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => [name, (Array.isArray(value) ? [...value] : value) as GroupOption]),
    ),
  }));
}

/** Checks a whole state against its optimizer before anything is changed. */
export function readState<G extends ParamGroup>(
  state: OptimizerState,
  owner: Owner<G>,
  groups: readonly G[],
  nameOf: NameOf,
): FittingState {
  checkType(state, owner.type);
  checkMembers(state, owner.type, groups, nameOf);
  const states = new Map<tf.Variable, ParamState>();
  groups.forEach((group) => {
    for (const param of group.params) {
      const name = nameOf(param);
      const scalars = state.scalars[name];
      const slots = state.tensors[name];
      if (scalars === undefined && slots === undefined) continue;
      const found = { slots: slots ?? {}, scalars: scalars ?? {} };
      checkParam(owner, name, param, group, found);
      states.set(param, found);
    }
  });
  return { options: state.paramGroups.map((group, index) => readOptions(owner, group, index)), states };
}

/** Throws when a state was written by another optimizer. */
export function checkType(state: OptimizerState, type: string): void {
  if (state.type === type) return;
  throw new CheckpointError(`${type}: the saved state is another optimizer's`, {
    code: 'optimizer-type',
    expected: `the state of ${type}`,
    got: `the state of ${state.type}`,
    help: 'resume with the optimizer that the checkpoint was written with, or start it afresh',
  });
}

/** Throws unless the groups hold the same variables, in any order. */
export function checkMembers(state: OptimizerState, type: string, groups: readonly ParamGroup[], nameOf: NameOf): void {
  if (state.paramGroups.length !== groups.length)
    throw new CheckpointError(`${type}: the number of parameter groups differs`, {
      code: 'optimizer-groups',
      expected: `${groups.length}`,
      got: `${state.paramGroups.length} in the saved state`,
    });
  groups.forEach(({ params }, index) => {
    const saved = new Set(state.paramGroups[index]?.params);
    for (const name of params.map(nameOf))
      if (!saved.delete(name)) throw membership(type, index, `has no variable '${name}'`);
    for (const name of saved) throw membership(type, index, `has a variable '${name}', which the optimizer has not`);
  });
}

function membership(type: string, group: number, what: string): CheckpointError {
  return new CheckpointError(`${type}: parameter group ${group} of the saved state ${what}`, {
    code: 'optimizer-variables',
    help: 'build the model and the optimizer as they were when the checkpoint was written',
  });
}

function checkParam<G extends ParamGroup>(
  { type, rule }: Owner<G>,
  name: string,
  param: tf.Variable,
  group: G,
  { slots, scalars }: ParamState,
): void {
  const expected = rule.slots(group);
  const missing = expected.find((slot) => !(slots[slot] instanceof tf.Tensor));
  if (missing) throw misfit(type, name, `\`${missing}\` is missing`);
  for (const scalar of rule.scalars)
    if (!Number.isFinite(scalars[scalar])) throw misfit(type, name, `\`${scalar}\` is ${show(scalars[scalar])}`);
  for (const [slot, tensor] of Object.entries(slots)) {
    if (!tf.util.arraysEqual(tensor.shape, param.shape))
      throw misfit(type, name, `\`${slot}\` has shape [${tensor.shape}], the variable [${param.shape}]`);
    if (tensor.dtype !== 'float32') throw misfit(type, name, `\`${slot}\` is ${tensor.dtype}, not float32`);
  }
}

function misfit(type: string, name: string, what: string): CheckpointError {
  return new CheckpointError(`${type}: the saved state of '${name}' does not fit: ${what}`, {
    code: 'optimizer-state',
    help: 'the checkpoint belongs to another model, or is damaged',
  });
}

function readOptions<G extends ParamGroup>({ type, schema }: Owner<G>, group: GroupState, index: number): object {
  const { initialLr, ...options } = group.options;
  try {
    const checked = parseOptions(`${type}: parameter group ${index}`, schema, options);
    return typeof initialLr === 'number' ? { ...checked, initialLr } : checked;
  } catch (cause) {
    throw new CheckpointError(`${type}: the saved options of parameter group ${index} do not fit`, {
      code: 'optimizer-options',
      help: messageOf(cause),
      cause,
    });
  }
}
