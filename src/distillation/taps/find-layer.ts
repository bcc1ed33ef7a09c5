/** Finds the layer that a path names: `'conv2'`, `'block1/conv2'`, `'net/2'`, `'shared#1'` for its second call. */
import { ConfigError } from '../../core/errors.ts';
import { nearest } from '../../core/options.ts';
import * as tf from '../../core/tf.ts';

/** A layer whose output is wanted. */
export interface Tap {
  /** The path as it was given; `''` is the output of the whole network. */
  readonly path: string;
  readonly layer: tf.layers.Layer;
  /** Which of the layer's calls within one forward pass; `undefined` when there may be only one. */
  readonly call: number | undefined;
}

/** A network whose layers can be named: a model, or an object with models in its public fields. */
export type TapRoot = tf.LayersModel | object;

/**
 * @param owner who asks, for the error: `'the student'`
 * @throws ConfigError `unknown-layer`, listing neighbours
 */
export function findTap(owner: string, root: TapRoot, path: string): Tap {
  const [, name = path, call] = /^(.*)#(\d+)$/.exec(path) ?? [];
  const layer = descend(childrenOf(root), name) ?? (root instanceof tf.LayersModel ? undefined : anywhere(root, name));
  if (layer === undefined) throw unknownLayer(owner, root, name);
  return { path, layer, call: call === undefined ? undefined : Number(call) };
}

/** The shape that a layer gives, batch first; `undefined` when it is not known or there are several. */
export function shapeOfLayer(layer: tf.layers.Layer): readonly (number | null)[] | undefined {
  try {
    const shape = layer.outputShape;
    return Array.isArray(shape[0]) ? undefined : (shape as (number | null)[]);
  } catch {
    return undefined; // a layer that is used at several places with several shapes
  }
}

type Children = readonly (readonly [name: string, layer: tf.layers.Layer])[];

function childrenOf(parent: TapRoot): Children {
  if (parent instanceof tf.LayersModel) return parent.layers.map((layer) => [layer.name, layer] as const);
  if (parent instanceof tf.layers.Layer) return [];
  return Object.entries(parent).filter((entry): entry is [string, tf.layers.Layer] => isLayer(entry[1]));
}

const isLayer = (value: unknown): boolean => value instanceof tf.layers.Layer;

/** Names may hold slashes themselves, so that every split is tried, the longest name first. */
function descend(children: Children, path: string): tf.layers.Layer | undefined {
  const parts = path.split('/');
  for (let length = parts.length; length > 0; length--) {
    const name = parts.slice(0, length).join('/');
    const child = children.find(([own]) => own === name)?.[1] ?? atPosition(children, name);
    if (child === undefined) continue;
    if (length === parts.length) return child;
    const deeper = descend(childrenOf(child), parts.slice(length).join('/'));
    if (deeper !== undefined) return deeper;
  }
  return undefined;
}

const atPosition = (children: Children, name: string): tf.layers.Layer | undefined =>
  /^\d+$/.test(name) ? children[Number(name)]?.[1] : undefined;

/** In a module with one network the network's own name may be left out. */
function anywhere(root: object, path: string): tf.layers.Layer | undefined {
  const found = childrenOf(root).flatMap(([, layer]) => descend(childrenOf(layer), path) ?? []);
  return found.length === 1 ? found[0] : undefined;
}

function allPaths(children: Children, prefix = ''): string[] {
  return children.flatMap(([name, layer]) => [prefix + name, ...allPaths(childrenOf(layer), `${prefix}${name}/`)]);
}

function unknownLayer(owner: string, root: TapRoot, path: string): ConfigError {
  const known = allPaths(childrenOf(root));
  const near = nearest(path, known);
  const listed = known.length > 12 ? [...known.slice(0, 12), `and ${known.length - 12} more`] : known;
  return new ConfigError(`${owner} has no layer '${path}'`, {
    code: 'unknown-layer',
    expected: `one of ${listed.join(', ')}`,
    help: near === undefined ? 'nested layers are named by their path: block1/conv2' : `did you mean '${near}'?`,
  });
}
