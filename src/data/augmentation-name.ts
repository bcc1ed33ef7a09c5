/** Names what a loader does to its samples, so that two runs can tell whether it is the same. */
import { createHash } from 'node:crypto';
import { type Recipe, recipeOf } from './workers/recipe.ts';

/** The name of doing nothing. */
export const UNCHANGED = 'none';

/**
 * A sha256 of a transform: of the recipe that it was made by, where it has one, else of its source text and its plain
 * fields. What a function has closed over is not in it.
 *
 * @returns `'none'` without a transform
 */
export function augmentationName(transform: object | undefined): string {
  if (transform === undefined) return UNCHANGED;
  const hash = createHash('sha256');
  describe(recipeOf(transform) ?? transform, (text) => hash.update(text));
  return hash.digest('hex');
}

function describe(value: unknown, write: (text: string | Uint8Array) => unknown): void {
  if (typeof value === 'function') write(`function ${String(value)};`);
  else if (ArrayBuffer.isView(value)) {
    write(`${value.constructor.name}[${value.byteLength}]`);
    write(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  } else if (isRecipe(value)) describe([moduleName(value.module), value.name, value.args], write);
  else if (typeof value === 'object' && value !== null) {
    write('{');
    for (const [key, item] of Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) {
      write(`${key}:`);
      describe(item, write);
    }
    write('}');
  } else write(`${typeof value} ${String(value)};`);
}

const isRecipe = (value: unknown): value is Recipe => (value as Partial<Recipe> | null)?.kind === 'recipe';

/** Sources and their compiled form, here and on another machine, have the same name. */
const moduleName = (url: string): string => (url.split('/').at(-1) as string).replace(/\.[cm]?[jt]s$/, '');
