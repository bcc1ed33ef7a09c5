/** The optimizer and the open accumulation window in a checkpoint: everything that belongs to a parameter. */
import type { Checkpoint, HostTensor, JsonObject } from '../core/contracts.ts';
import { fromHost, toHost } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import type { OptimizerState } from '../optim/index.ts';
import type { Session } from './session.ts';

/** The optimizer's state, its tensors moved into `tensors`. */
export function collectOptimizer(session: Session, tensors: Map<string, HostTensor>): JsonObject {
  const { tensors: slots, ...rest } = session.optimization.optimizer.stateDict(namer(session));
  for (const [name, own] of Object.entries(slots)) {
    for (const [slot, tensor] of Object.entries(own)) tensors.set(`optimizer/${name}/${slot}`, toHost(tensor));
  }
  return rest as unknown as JsonObject;
}

/** Puts the optimizer's state back. */
export function restoreOptimizer(session: Session, { state, tensors }: Checkpoint): void {
  const slots: Record<string, Record<string, tf.Tensor>> = {};
  try {
    for (const [key, tensor] of tensors) {
      const [, name, slot] = /^optimizer\/(.*)\/([^/]+)$/.exec(key) ?? [];
      if (name === undefined || slot === undefined) continue;
      slots[name] = { ...slots[name], [slot]: fromHost(tensor) };
    }
    const saved = { ...(state.optimizer as object), tensors: slots } as OptimizerState;
    session.optimization.optimizer.loadStateDict(saved, namer(session));
  } finally {
    tf.dispose(slots as unknown as tf.TensorContainer);
  }
}

/** The open window, its gradients moved into `tensors`. */
export function collectWindow(session: Session, tensors: Map<string, HostTensor>): JsonObject {
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
