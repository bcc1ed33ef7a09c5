/**
 * What a compiled step takes for granted: the plain values in the module's fields, what its fields refer to, its mode, and
 * the options of the optimizers. When one of these changes, the step is looked at again.
 */
import { isPlainObject } from '../../core/tensors.ts';
import * as tf from '../../core/tf.ts';
import { LightningModule } from '../../module/lightning-module.ts';
import type { Optimizer, ParamGroup } from '../../optim/index.ts';

/** One thing that must stay as it was. */
interface Guard {
  readonly name: string;
  readonly value: unknown;
  now(): unknown;
}

/** Plain objects in fields are looked into so deep. */
const DEPTH = 2;

export class Guards {
  readonly #guards: readonly Guard[];

  private constructor(guards: readonly Guard[]) {
    this.#guards = guards;
  }

  /** Notes how things are. `epoch`: the step asks for the number of the epoch. */
  static of(
    module: LightningModule<never>,
    optimizers: readonly Optimizer[],
    epoch: (() => number) | undefined,
  ): Guards {
    const guards: Guard[] = [{ name: 'training', value: module.training, now: () => module.training }];
    const owner = module.constructor.name;
    fieldsOf(module, owner, DEPTH, guards);
    accessorsOf(module, owner, guards);
    for (const optimizer of optimizers) {
      const groups = optimizer.paramGroups as readonly ParamGroup[];
      const count = (): string => groups.map(({ params }) => params.length).join();
      guards.push({ name: 'the parameter groups', value: count(), now: count });
      for (const group of groups) optionsOf(group as unknown as Record<string, unknown>, guards);
    }
    if (epoch !== undefined) guards.push({ name: 'the epoch', value: epoch(), now: epoch });
    return new Guards(guards);
  }

  /** The first thing that is not as it was. */
  broken(): string | undefined {
    for (const { name, value, now } of this.#guards) if (!Object.is(now(), value)) return name;
    return undefined;
  }
}

function fieldsOf(object: object, path: string, depth: number, guards: Guard[]): void {
  const fields = object as Readonly<Record<string, unknown>>;
  for (const [key, value] of Object.entries(fields)) {
    const name = `${path}.${key}`;
    if (isPlainObject(value) && depth > 0) fieldsOf(value, name, depth - 1, guards);
    else guards.push({ name, value, now: () => fields[key] });
  }
}

/** What the module's class gives access to without a field: plain values behind getters. */
function accessorsOf(module: LightningModule<never>, path: string, guards: Guard[]): void {
  const object = module as unknown as Readonly<Record<string, unknown>>;
  let prototype: object = Object.getPrototypeOf(module) as object;
  for (; prototype !== LightningModule.prototype && prototype !== null; prototype = Object.getPrototypeOf(prototype)) {
    for (const [key, { get }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      if (get === undefined || !isPlain(plainField(object, key))) continue;
      guards.push({ name: `${path}.${key}`, value: plainField(object, key), now: () => plainField(object, key) });
    }
  }
}

const isPlain = (value: unknown): boolean => ['number', 'boolean', 'string'].includes(typeof value);

function plainField(object: Readonly<Record<string, unknown>>, key: string): unknown {
  try {
    return object[key];
  } catch {
    return undefined; // a getter that works at other times only
  }
}

/** Numbers are fed; what decides which operations an update has is whether they are 0. */
function optionsOf(group: Readonly<Record<string, unknown>>, guards: Guard[]): void {
  for (const [key, value] of Object.entries(group)) {
    if (key === 'params' || key === 'initialLr') continue;
    const of = (current: unknown): unknown => (typeof current === 'number' ? current === 0 : String(current));
    const isList = Array.isArray(value);
    if (!isList && !(value instanceof tf.Tensor))
      guards.push({ name: `the optimizer's ${key}`, value: of(value), now: () => of(group[key]) });
  }
}
