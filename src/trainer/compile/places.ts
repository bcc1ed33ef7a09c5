/** Where the states of training are kept: in every variable that tfjs knows, in slots of optimizers, and in callbacks. */
import type { StepWork } from '../../core/step-work.ts';
import * as tf from '../../core/tf.ts';
import type { Place } from '../../engine/compile/index.ts';
import type { Optimizer, ParamGroup } from '../../optim/index.ts';
import { RuleOptimizer } from '../../optim/rule-optimizer.ts';

/** All of them by name. The names are the same as long as the process lives. */
export function placesOf(optimizers: readonly Optimizer[], works: readonly StepWork[] = []): Map<string, Place> {
  const places = new Map<string, Place>();
  for (const variable of Object.values(tf.engine().registeredVariables as Record<string, tf.Variable>)) {
    const place = ofVariable(variable);
    places.set(place.name, place);
  }
  for (const [i, optimizer] of optimizers.entries()) {
    if (!(optimizer instanceof RuleOptimizer)) continue;
    for (const { param, slot } of optimizer.slotTensors()) {
      const place = ofSlot(optimizer, i, param, slot);
      places.set(place.name, place);
    }
  }
  for (const [i, work] of works.entries())
    for (const kept of work.kept()) {
      const place: Place = { ...kept, name: `work ${i}: ${kept.name}` };
      places.set(place.name, place);
    }
  return places;
}

/** The name under which a variable's place is found. */
export const placeName = (variable: tf.Variable): string => `variable ${variable.name}`;

function ofVariable(variable: tf.Variable): Place {
  return {
    name: placeName(variable),
    read: () => variable,
    write: (tensor) => {
      variable.assign(tensor);
      tensor.dispose();
    },
  };
}

function ofSlot(optimizer: RuleOptimizer<ParamGroup>, index: number, param: tf.Variable, slot: string): Place {
  return {
    name: `optimizer ${index}: ${slot} of ${param.name}`,
    read: () => optimizer.slot(param, slot),
    write: (tensor) => optimizer.replaceSlot(param, slot, tensor),
  };
}

/** Two states over the same data, as after one was assigned to the other: they could not be told apart. */
export function sharedPlaces(places: ReadonlyMap<string, Place>): boolean {
  return new Set([...places.values()].map((place) => place.read().dataId)).size < places.size;
}
