/**
 * Parameter groups: lists of variables with the learning rate and hyper-parameters they share. Everything that a
 * user may hand to an optimizer as its parameters is checked and brought into this one form here.
 */
import type { z } from 'zod';
import { ConfigError, show } from '../core/errors.ts';
import { parseOptions } from '../core/options.ts';
import * as tf from '../core/tf.ts';

/** Variables that share hyper-parameters. Learning rate and hyper-parameters may be changed between steps. */
export interface ParamGroup {
  readonly params: tf.Variable[];
  /** Learning rate of the next step. */
  lr: number;
  /** The rate that schedulers start from; set by the first scheduler. */
  initialLr?: number | undefined;
  /** Present where the optimizer has it, so that schedulers can cycle it. */
  momentum?: number | undefined;
  /** Present where the optimizer has it; schedulers cycle the first. */
  betas?: [number, number] | undefined;
}

/** One group as it is given to an optimizer: its variables and whatever differs from the common options. */
export type ParamGroupOptions<Options = object> = { readonly params: Iterable<tf.Variable> } & Options;

/** What an optimizer takes as its parameters: variables, or groups of variables. */
export type OptimizerParams<Options = object> = Iterable<tf.Variable> | Iterable<ParamGroupOptions<Options>>;

/** The options of an optimizer, as checked by its schema. */
export type OptionsSchema = z.ZodObject;

/** Brings parameters into groups, each with its options checked and filled in. */
export function makeGroups(owner: string, schema: OptionsSchema, params: unknown, shared: object): ParamGroup[] {
  parseOptions(owner, schema, shared);
  const items = listOf(owner, params);
  if (items.length === 0) throw noParameters(owner);
  if (!items.some(isGroup)) return [makeGroup(owner, schema, items, shared)];
  return items.map((item, index) => {
    const name = `${owner}: parameter group ${index}`;
    if (!isGroup(item)) throw notAGroup(name, item);
    const { params: members, ...own } = item;
    return makeGroup(name, schema, listOf(name, members), { ...shared, ...given(own) });
  });
}

/** Throws when a variable occurs twice, or two variables have the same name. */
export function checkDistinct(owner: string, groups: readonly ParamGroup[]): void {
  const seen = new Set<string>();
  for (const { params } of groups) {
    for (const { name } of params) {
      if (seen.has(name)) throw duplicate(owner, name);
      seen.add(name);
    }
  }
}

function makeGroup(owner: string, schema: OptionsSchema, params: readonly unknown[], options: object): ParamGroup {
  if (params.length === 0) throw noParameters(owner);
  params.forEach((param, index) => {
    if (!(param instanceof tf.Variable)) throw notAVariable(owner, index, param);
  });
  return { params: [...params] as tf.Variable[], ...parseOptions(owner, schema, options) } as unknown as ParamGroup;
}

function listOf(owner: string, params: unknown): unknown[] {
  if (typeof (params as Iterable<unknown> | null | undefined)?.[Symbol.iterator] === 'function')
    return [...(params as Iterable<unknown>)];
  throw new ConfigError(`${owner}: the parameters cannot be iterated over`, {
    code: 'invalid-parameters',
    expected: 'an array of tf.Variable',
    got: show(params),
    help: 'pass module.parameters(), or [{ params: [...], lr: ... }, ...]',
  });
}

/** Options that are there: `undefined` in a group leaves the common option in force. */
function given(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function isGroup(item: unknown): item is { params: unknown } {
  return typeof item === 'object' && item !== null && !(item instanceof tf.Tensor) && 'params' in item;
}

function noParameters(owner: string): ConfigError {
  return new ConfigError(`${owner}: there are no parameters`, {
    code: 'no-parameters',
    expected: 'at least one tf.Variable',
    help: 'build the model before its optimizer, and check that its layers are trainable',
  });
}

function notAGroup(owner: string, item: unknown): ConfigError {
  return new ConfigError(owner, {
    code: 'invalid-parameters',
    expected: 'an object with `params`, like the other groups',
    got: show(item),
    help: 'pass either variables or groups, not both',
  });
}

function notAVariable(owner: string, index: number, param: unknown): ConfigError {
  return new ConfigError(`${owner}: parameter ${index}`, {
    code: 'invalid-parameters',
    expected: 'a tf.Variable',
    got: show(param),
    help: 'of a layers model, pass the `.read()` of its weights: module.parameters() does so',
  });
}

function duplicate(owner: string, name: string): ConfigError {
  return new ConfigError(`${owner}: the variable '${name}' occurs twice among the parameters`, {
    code: 'duplicate-parameter',
    help: 'put each variable into one group; weights shared between layers count once',
  });
}
