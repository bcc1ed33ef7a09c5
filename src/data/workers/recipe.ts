/**
 * Recipes: how a worker builds a dataset or a transform again. Functions cannot be sent to a worker, but the address of
 * the module that makes them can, with plain data as arguments. Kelvin's own datasets carry their recipes.
 */
import { ConfigError, messageOf, show } from '../../core/errors.ts';

/** A function of a module and what to call it with. Arguments may be recipes themselves; they are followed first. */
export interface Recipe {
  readonly kind: 'recipe';
  /** The module's URL, or a package's name. */
  readonly module: string;
  /** The exported function. */
  readonly name: string;
  /** What structured cloning can copy: plain objects, typed arrays, strings, numbers. */
  readonly args: readonly unknown[];
}

const recipes = new WeakMap<object, () => Recipe>();

/** Remembers how `value` was made. `args` is asked for when a worker needs it. Returns `value`. */
export function withRecipe<T extends object>(
  value: T,
  module: string,
  name: string,
  args: () => readonly unknown[],
): T {
  recipes.set(value, () => ({ kind: 'recipe', module, name, args: args() }));
  return value;
}

/** How `value` is made again in a worker, if that is known. */
export function recipeOf(value: object): Recipe | undefined {
  return recipes.get(value)?.();
}

/** Whether `value` can be made again in a worker. */
export function hasRecipe(value: object): boolean {
  return recipes.has(value);
}

/**
 * Calls the function `name` of a module with `args`, and remembers how, so that a {@link DataLoader} with workers can do
 * it again in each of them. For datasets, transforms and `map` functions of your own.
 *
 * @param module `new URL('./my-data.js', import.meta.url)`, or a package's name
 * @param args what structured cloning can copy, or things that were made by `fromModule` or by Kelvin
 * @throws ConfigError `recipe-module` when the module cannot be loaded or exports no such function
 *
 * @example
 * ```ts
 * // my-data.js: export async function openScans({ folder }) { return { length, get }; }
 * const scans = await fromModule<Dataset>(new URL('./my-data.js', import.meta.url), 'openScans', { folder: 'scans' });
 * const loader = new DataLoader(scans, { batchSize: 32, workers: 2 });
 * ```
 */
export async function fromModule<T extends object>(module: string | URL, name: string, ...args: unknown[]): Promise<T> {
  const value = (await call(String(module), name, args)) as T;
  return withRecipe(value, String(module), name, () => args.map(asIngredient));
}

/** Builds what a recipe describes. @throws ConfigError `recipe-module` */
export async function follow(recipe: Recipe): Promise<unknown> {
  const args: unknown[] = [];
  for (const arg of recipe.args) args.push(await prepared(arg));
  return call(recipe.module, recipe.name, args);
}

/** An argument as a worker can be sent it: its recipe, where it has one. */
export function asIngredient(value: unknown): unknown {
  if ((typeof value === 'object' && value !== null) || typeof value === 'function') return recipeOf(value) ?? value;
  return value;
}

async function prepared(arg: unknown): Promise<unknown> {
  if (Array.isArray(arg) && arg.some(isRecipe)) return Promise.all(arg.map(prepared));
  return isRecipe(arg) ? follow(arg) : arg;
}

async function call(module: string, name: string, args: readonly unknown[]): Promise<unknown> {
  const exported = (await load(module))[name];
  if (typeof exported === 'function') return (await exported(...args)) as unknown;
  throw new ConfigError(`${module}`, {
    code: 'recipe-module',
    expected: `an exported function \`${name}\``,
    got: show(exported),
    help: 'export it by this name from the module',
  });
}

async function load(module: string): Promise<Record<string, unknown>> {
  try {
    return (await import(module)) as Record<string, unknown>;
  } catch (cause) {
    throw new ConfigError(`The module ${module} cannot be loaded: ${messageOf(cause)}`, {
      code: 'recipe-module',
      help: "name a module of your own by its address: new URL('./my-data.js', import.meta.url)",
      cause,
    });
  }
}

const isRecipe = (value: unknown): value is Recipe => (value as Partial<Recipe> | null)?.kind === 'recipe';
