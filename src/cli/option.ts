/**
 * One option of the command line and of configuration files alike: how it is written, checked and explained. The kinds
 * that there are: counts, numbers, lists, limits, words, choices, flags.
 */
import { z } from 'zod';
import { type BatchLimit, isBatchLimit, isTimeSpan, type TimeSpan } from '../core/duration.ts';
import { anyThat, countIn, numberBetween, oneOf, positiveNumber, text, wholeNumber } from '../core/options.ts';

/** An option that gives a `T`. */
export interface OptionSpec<T = unknown> {
  /** What stands for the value in the help: `<n>`. Empty for a flag. */
  readonly value: string;
  readonly about: string;
  readonly schema: z.ZodType<T>;
  /** Turns the text of the command line into what the schema takes. */
  readonly read: (given: string) => unknown;
  readonly default?: T | undefined;
  /** The default in words, where it is not a plain value. */
  readonly defaultText?: string | undefined;
  /** A flag that is on unless it is switched off with `--no-…`. */
  readonly negated?: boolean | undefined;
  /** May be given several times; the values make a list. */
  readonly repeatable?: boolean | undefined;
}

/** Options that belong together: a heading in the help, a section in configuration files. */
export interface OptionGroup<O extends Readonly<Record<string, OptionSpec>> = Readonly<Record<string, OptionSpec>>> {
  readonly title: string;
  readonly section: 'data' | 'model' | 'trainer' | 'distillation' | undefined;
  readonly options: O;
}

/** A group whose options keep the types that they are given with. */
export const group = <const G extends OptionGroup>(given: G): G => given;

type ValuesOf<O> = { readonly [K in keyof O]: O[K] extends OptionSpec<infer T> ? T : never };
type Intersection<U> = (U extends unknown ? (u: U) => void : never) extends (i: infer I) => void ? I : never;

/** The values of all options of some groups. */
export type SettingsOf<G extends readonly OptionGroup[]> = Intersection<ValuesOf<G[number]['options']>>;

type Given<T> = { value?: string; default?: T; defaultText?: string };

/** Number() reads '' as 0 and '0x10' as 16; here text that is no plain number stays text, for the schema to refuse. */
const numeric = (given: string): unknown =>
  /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(given) ? Number(given) : given;
const asIs = (given: string): unknown => given;

function spec<T>(
  about: string,
  schema: z.ZodType<T>,
  read: (given: string) => unknown,
  value: string,
  given: Given<T>,
): OptionSpec<T> {
  return { value, about, schema, read, ...given };
}

type Spec<T, D> = D extends undefined ? OptionSpec<T | undefined> : OptionSpec<T>;

/** Makes a function that makes options of one kind; without a default they may be left out. */
function kind<T>(schema: z.ZodType<T>, read: (given: string) => unknown, value: string) {
  return <D extends T | undefined = undefined>(
    about: string,
    given: { value?: string; default?: D; defaultText?: string } = {},
  ): Spec<T, D> => spec(about, schema, read, value, given as Given<T>) as unknown as Spec<T, D>;
}

/** A whole number of at least `min`. */
export const count = (min = 0) => kind<number>(wholeNumber(min), numeric, '<n>');
/** A whole number of at least `min`, also with its unit: `3` or `3ep`. */
export const countOf = (unit: 'ep' | 'st', min = 0) => kind<number>(countIn(unit, min), numeric, '<n>');
/** A number within bounds. */
export const between = (min: number, max: number) => kind<number>(numberBetween(min, max), numeric, '<x>');
/** A number above 0. */
export const positive = kind<number>(positiveNumber(), numeric, '<x>');
/** Any text. */
export const words = kind<string>(text(), asIs, '<text>');
/** The path of a file or directory. */
export const path = kind<string>(text('a path'), asIs, '<path>');
/** A count of batches or a percentage of them. */
export const limit = kind<BatchLimit>(
  anyThat<BatchLimit>("a count of at least 0, such as 10 or '10ba', or a percentage such as '25%'", isBatchLimit),
  numeric,
  '<n|%>',
);
/** A count of batches, a percentage of them, or a time. */
export const interval = kind<BatchLimit | TimeSpan>(
  anyThat<BatchLimit | TimeSpan>(
    "a count such as 200 or '200ba', a percentage such as '50%', or a time such as '30min'",
    (value) => isBatchLimit(value) || isTimeSpan(value),
  ),
  numeric,
  '<n|%|time>',
);
/** A time such as 30min. */
export const time = kind<TimeSpan>(
  anyThat<TimeSpan>("a time such as '30min', '90s' or '2h'", isTimeSpan),
  asIs,
  '<time>',
);

const SIZES = 'whole numbers of at least 1, separated by commas';
const size = z.int({ error: SIZES }).min(1, { error: SIZES });
const sizeList = z.array(size, { error: SIZES }).min(1, { error: SIZES });
/** Sizes such as `800,800`; in a file also `[800, 800]` or a single number. */
export const sizes = kind<number[]>(
  z.preprocess((given) => (typeof given === 'object' ? given : readList(String(given))), sizeList) as z.ZodType<
    number[]
  >,
  asIs,
  '<n,n,…>',
);

/** One of a few words. */
export function choice<const W extends readonly [string, ...string[]]>(options: W) {
  return kind<W[number]>(oneOf(...options), asIs, `<${options.join('|')}>`);
}

/** Some of a few words, separated by commas; in a file also a list. */
export function choices<const W extends readonly [string, ...string[]]>(options: W) {
  const split = (given: unknown): unknown =>
    typeof given === 'string' ? given.split(',').map((word) => word.trim()) : given;
  const schema = z.preprocess(split, z.array(oneOf(...options))) as z.ZodType<W[number][]>;
  return kind<W[number][]>(schema, asIs, '<name,…>');
}

const PLAIN_SOURCES = ['mnist', 'digits', 'idx', 'cifar10', 'cifar100'];
const PLACED_SOURCES = ['csv', 'folder', 'cifar10', 'cifar100'];

/** What `--data` names, and the place after its colon. */
export function sourceOf(given: string): [kind: string, place: string | undefined] {
  const at = given.indexOf(':');
  return at < 0 ? [given, undefined] : [given.slice(0, at), given.slice(at + 1)];
}

function isSource(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  const [name, place] = sourceOf(value);
  return place === undefined ? PLAIN_SOURCES.includes(name) : PLACED_SOURCES.includes(name) && place !== '';
}

/** Where data comes from: a name, or a kind and a place. */
export const source = kind<string>(
  anyThat<string>(`${PLAIN_SOURCES.join(', ')}, folder:DIR, csv:FILE or cifar10:DIR`, isSource),
  asIs,
  '<source>',
);

/** An option that may be given several times. */
export function repeated(option: OptionSpec<string | undefined>): OptionSpec<readonly string[] | undefined> {
  return { ...option, repeatable: true } as unknown as OptionSpec<readonly string[] | undefined>;
}

/** A flag that is off by default. */
export function flag(about: string): OptionSpec<boolean> {
  return { ...spec(about, z.boolean({ error: 'true or false' }), asIs, '', { default: false }) };
}

/** A flag that may be given a path: `true` without one. Off by default. */
export function flagOrPath(about: string): OptionSpec<boolean | string> {
  const schema = z.union([z.boolean(), text('a path')], { error: 'true, false or a path' });
  return { ...spec<boolean | string>(about, schema, asIs, '[path]', { default: false }) };
}

/** A flag that is on by default and switched off with `--no-…`; `about` says what that does. */
export function switchOff(about: string): OptionSpec<boolean> {
  return { ...spec(about, z.boolean({ error: 'true or false' }), asIs, '', { default: true }), negated: true };
}

/** `maxEpochs` as `max-epochs`. */
export const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
/** `max-epochs` as `maxEpochs`. */
export const camel = (name: string): string => name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** What is wrong with a value, or undefined. */
export function problem(option: OptionSpec, value: unknown): string | undefined {
  return option.schema.safeParse(value).error?.issues[0]?.message;
}

function readList(given: string): unknown[] {
  return given.split(',').map((part) => numeric(part.trim()));
}
