/** Takes nested loaders apart into a list of members, and puts their batches together again in the same shape. */
import { ConfigError, show } from '../core/errors.ts';
import { isPlainObject } from '../core/tensors.ts';
import { isLoader, type Loader } from './loader.ts';

/** A loader within a tree, with its place there: `[0].labelled`. */
export interface TreeMember {
  readonly loader: Loader<unknown>;
  readonly path: string;
}

/** A tree of loaders, taken apart. */
export interface LoaderList {
  readonly members: readonly TreeMember[];
  /** One value per member, in the shape of the tree. */
  assemble(values: readonly unknown[]): unknown;
  /** The reverse: the values of the members. */
  parts(shaped: unknown): unknown[];
}

/** True for a loader, a record of nothing but loaders, and an array with a loader in it: no batches are that. */
export function isLoaderTree(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isLoaderTree);
  if (!isPlainObject(value) || isLoader(value)) return isLoader(value);
  const items = Object.values(value);
  return items.length > 0 && items.every(isLoaderTree);
}

/**
 * Takes a tree apart. An array of anything but loaders is itself a loader, of ready batches.
 *
 * @param owner who takes the loaders, for errors
 * @throws ConfigError `invalid-loader`
 */
export function flattenLoaders(owner: string, tree: unknown): LoaderList {
  const members: TreeMember[] = [];
  const root = branch(owner, tree, '', members);
  return {
    members,
    assemble: (values) => root.assemble(values),
    parts: (shaped) => {
      const parts: unknown[] = [];
      root.collect(shaped, parts);
      return parts;
    },
  };
}

interface Node {
  assemble(values: readonly unknown[]): unknown;
  collect(shaped: unknown, parts: unknown[]): void;
}

function node(owner: string, value: unknown, path: string, members: TreeMember[]): Node {
  const ready = Array.isArray(value) && !isLoaderTree(value);
  if (!ready && !isLoader(value)) return branch(owner, value, path, members);
  const index = members.push({ loader: value as Loader<unknown>, path }) - 1;
  return {
    assemble: (values) => values[index],
    collect: (shaped, parts) => {
      parts[index] = shaped;
    },
  };
}

function branch(owner: string, value: unknown, path: string, members: TreeMember[]): Node {
  if (Array.isArray(value) && value.length > 0) {
    const nodes = value.map((item, i) => node(owner, item, `${path}[${i}]`, members));
    return {
      assemble: (values) => nodes.map((each) => each.assemble(values)),
      collect: (shaped, parts) => {
        for (const [i, each] of nodes.entries()) each.collect((shaped as unknown[])[i], parts);
      },
    };
  }
  if (!isPlainObject(value) || Object.keys(value).length === 0)
    throw invalidLoader(path === '' ? owner : `${owner}: member \`${path}\``, value);
  const nodes = Object.entries(value).map(
    ([key, item]) => [key, node(owner, item, path === '' ? key : `${path}.${key}`, members)] as const,
  );
  return {
    assemble: (values) => Object.fromEntries(nodes.map(([key, each]) => [key, each.assemble(values)])),
    collect: (shaped, parts) => {
      for (const [key, each] of nodes) each.collect((shaped as Record<string, unknown>)[key], parts);
    },
  };
}

/** The error for something that cannot be iterated over. */
export function invalidLoader(name: string, got: unknown): ConfigError {
  return new ConfigError(name, {
    code: 'invalid-loader',
    expected: 'a DataLoader, an array of batches, anything iterable, or loaders in an array or an object',
    got: show(got),
  });
}
