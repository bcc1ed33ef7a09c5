/**
 * Options are checked once, where they are given: `parseOptions` turns a zod schema's verdict into a ConfigError
 * that names the option, what it should be, what it is, and the nearest known name of an unknown one.
 */
import leven from 'leven';
import { z } from 'zod';
import { parseAmount } from './duration.ts';
import { ConfigError, show } from './errors.ts';

/**
 * Checks `given` against a strict zod object and returns it with defaults filled in.
 *
 * @param owner who takes the options, as the error names it: `'Trainer'`
 * @throws ConfigError `unknown-option` or `invalid-option`
 */
export function parseOptions<S extends z.ZodObject>(owner: string, schema: S, given: unknown): z.output<S> {
  const result = schema.safeParse(given ?? {});
  if (result.success) return result.data;
  const issue = result.error.issues[0] as z.core.$ZodIssue;
  if (issue.code === 'unrecognized_keys')
    throw unknownOption(owner, issue.keys[0] as string, Object.keys(schema.shape));
  const path = issue.path.join('.');
  throw new ConfigError(path ? `${owner}: option \`${path}\`` : owner, {
    code: 'invalid-option',
    expected: issue.message,
    got: show(valueAt(given, issue.path)),
  });
}

/** The error for an option nobody knows, naming the nearest one that is known. */
export function unknownOption(owner: string, name: string, known: readonly string[]): ConfigError {
  const near = nearest(name, known);
  return new ConfigError(`${owner}: unknown option \`${name}\``, {
    code: 'unknown-option',
    help: near ? `did you mean \`${near}\`?` : `known options: ${known.join(', ')}`,
  });
}

/** The known name closest to `name`, if one is close enough to be what was meant: by default a third of its letters. */
export function nearest(
  name: string,
  known: readonly string[],
  within: number = Math.max(2, name.length / 3),
): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, distance: leven(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best && best.distance <= within ? best.candidate : undefined;
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], root);
}

/** A whole number within bounds; the error says so in words. */
export function wholeNumber(min: number, max: number = Number.MAX_SAFE_INTEGER): z.ZodInt {
  const error =
    max === Number.MAX_SAFE_INTEGER ? `a whole number of at least ${min}` : `a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/**
 * A whole number of at least `min`, also with its unit: `3` or `'3ep'`. The result is the number. Another unit is an error
 * that names the right one.
 */
export function countIn<U extends 'ep' | 'st'>(unit: U, min: number): z.ZodType<number, number | `${number}${U}`> {
  const error = `a whole number of at least ${min}, or with its unit, such as '${Math.max(min, 3)}${unit}'`;
  const numberOf = (value: unknown): unknown => {
    const given = parseAmount(value);
    return given?.unit === unit ? given.amount : value;
  };
  return z.preprocess(numberOf, z.int({ error }).min(min, { error })) as never;
}

/** A finite number within closed bounds. */
export function numberBetween(min: number, max: number): z.ZodNumber {
  const error = max === Number.POSITIVE_INFINITY ? `a number of at least ${min}` : `a number from ${min} to ${max}`;
  const schema = z.number({ error }).min(min, { error });
  return max === Number.POSITIVE_INFINITY ? schema : schema.max(max, { error });
}

/** A finite number above zero. */
export function positiveNumber(): z.ZodNumber {
  const error = 'a number above 0';
  return z.number({ error }).positive({ error });
}

/** One of a few words; the error lists them. */
export function oneOf<const W extends readonly [string, ...string[]]>(...words: W): z.ZodType<W[number]> {
  return z.enum(words as unknown as [string, ...string[]], {
    error: words.map((word) => `'${word}'`).join(' or '),
  }) as unknown as z.ZodType<W[number]>;
}

/** true or false. */
export function flag(): z.ZodBoolean {
  return z.boolean({ error: 'true or false' });
}

/** A string that is not empty. */
export function text(expected = 'a non-empty string'): z.ZodString {
  return z.string({ error: expected }).min(1, { error: expected });
}

/** Anything for which `test` holds; `expected` describes it in errors. */
export function anyThat<T>(expected: string, test: (value: unknown) => boolean): z.ZodType<T> {
  return z.custom<T>(test, { error: expected });
}
