/** The optimizer and the open accumulation window in a checkpoint: everything that belongs to a parameter. */
import type { Checkpoint, Json, JsonObject, SavedTensor } from '../core/contracts.ts';
import { CheckpointError } from '../core/errors.ts';
import { fromHost, toHost } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import type { ResolvedOptimizer } from '../module/optimizer-config.ts';
import type { Optimizer, OptimizerState } from '../optim/index.ts';
import type { Session } from './session.ts';

/** Where the tensors of the i-th optimizer are: the first has had its prefix since there was but one. */
const prefixOf = (index: number): string => (index === 0 ? 'optimizer/' : `optimizer@${index}/`);

/** The state of one optimizer, its tensors moved into `tensors`. */
export function collectOptimizer(session: Session, index: number, tensors: Map<string, SavedTensor>): JsonObject {
  const { optimizer } = session.optimization.all[index] as ResolvedOptimizer;
  const { tensors: slots, ...rest } = optimizer.stateDict(namer(session));
  for (const [name, own] of Object.entries(slots)) {
    for (const [slot, tensor] of Object.entries(own)) tensors.set(`${prefixOf(index)}${name}/${slot}`, toHost(tensor));
  }
  return rest as unknown as JsonObject;
}

/** The states of the optimizers after the first. */
export function collectOtherOptimizers(session: Session, tensors: Map<string, SavedTensor>): JsonObject[] {
  return session.optimization.all.slice(1).map((_, i) => collectOptimizer(session, i + 1, tensors));
}

/**
 * Puts the state of every optimizer back.
 *
 * @throws CheckpointError `optimizer-count` when the checkpoint has another number of them
 */
export function restoreOptimizers(session: Session, { state, tensors }: Checkpoint): void {
  const { all } = session.optimization;
  const states = [state.optimizer, ...((state.otherOptimizers as Json[] | undefined) ?? [])];
  if (states.length !== all.length) {
    throw new CheckpointError('The checkpoint does not fit the module', {
      code: 'optimizer-count',
      expected: `${all.length} optimizers, as \`configureOptimizers\` returns`,
      got: String(states.length),
    });
  }
  all.forEach(({ optimizer }, i) => {
    restoreOptimizer(optimizer, states[i] as object, { prefix: prefixOf(i), tensors, nameOf: namer(session) });
  });
}

interface SavedTensors {
  readonly prefix: string;
  readonly tensors: Checkpoint['tensors'];
  readonly nameOf: (variable: tf.Variable) => string;
}

function restoreOptimizer(optimizer: Optimizer, saved: object, { prefix, tensors, nameOf }: SavedTensors): void {
  const slots: Record<string, Record<string, tf.Tensor>> = {};
  try {
    for (const [key, tensor] of tensors) {
      if (!key.startsWith(prefix)) continue;
      const [, name, slot] = /^(.*)\/([^/]+)$/.exec(key.slice(prefix.length)) ?? [];
      if (name === undefined || slot === undefined) continue;
      slots[name] = { ...slots[name], [slot]: fromHost(tensor) };
    }
    optimizer.loadStateDict({ ...saved, tensors: slots } as OptimizerState, nameOf);
  } finally {
    tf.dispose(slots as unknown as tf.TensorContainer);
  }
}

/** The open window, its gradients moved into `tensors`. */
export function collectWindow(session: Session, tensors: Map<string, SavedTensor>): JsonObject {
  const { sums, batches, samples } = session.window.state();
  const nameOf = namer(session);
  for (const parameter of session.optimization.parameters) {
    const sum = sums[parameter.name];
    if (sum !== undefined) tensors.set(`window/${nameOf(parameter)}`, toHost(sum));
  }
  return { batches, samples, windowBatch: session.windowBatch };
}

/** Opens the window as it was. */
export function restoreWindow(session: Session, { state, tensors }: Checkpoint): void {
  const { batches, samples, windowBatch } = state.window as { batches: number; samples: number; windowBatch: number };
  const nameOf = namer(session);
  const sums: Record<string, tf.Tensor> = {};
  for (const parameter of session.optimization.parameters) {
    const saved = tensors.get(`window/${nameOf(parameter)}`);
    if (saved !== undefined) sums[parameter.name] = fromHost(saved);
  }
  session.window.restore({ batches, samples, sums });
  session.windowBatch = windowBatch;
}

/** The names that the module gives its variables: unlike tfjs's own they are the same in every process. */
function namer({ module }: Session): (variable: tf.Variable) => string {
  const names = new Map([...module.namedVariables()].map(([name, variable]) => [variable, name]));
  return (variable) => names.get(variable) ?? variable.name;
}
