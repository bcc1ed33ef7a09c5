/**
 * Finds the variables of a module: those of the tfjs layers and models, bare variables and nested modules in its public
 * fields, also inside arrays, plain objects and Maps. Each gets a name made of the path to it, `net.0.kernel`, which is
 * the same in every process; tfjs's own names depend on how many layers were made before. Private (`#`) fields are
 * invisible here: that is how a module keeps a frozen teacher out of its parameters and checkpoints.
 */
import { isPlainObject } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import { type LayerMacs, macsByLayer } from './macs.ts';

/** A variable and what is known of it. */
export interface FoundVariable {
  readonly name: string;
  readonly variable: tf.Variable;
  readonly trainable: boolean;
}

/** A part of a module, as the model summary lists it. */
export interface Submodule {
  readonly name: string;
  readonly type: string;
  readonly depth: number;
  readonly outputShape: string;
  readonly variables: readonly tf.Variable[];
  /** Those of them that are trained. */
  readonly trained: readonly tf.Variable[];
  /** Multiply-accumulates for one sample; `undefined` when they cannot be told. */
  readonly macs: number | undefined;
}

interface LayerVariable {
  readonly originalName: string;
  readonly val: tf.Variable;
}

/** A tfjs layer or model, as far as it matters here. */
interface LayerLike {
  readonly name: string;
  trainable: boolean;
  readonly layers?: LayerLike[];
  readonly weights: LayerVariable[];
  readonly trainableWeights: LayerVariable[];
  readonly outputShape: unknown;
  getClassName(): string;
}

/** Something that finds its variables itself: a nested module. */
export interface HasVariables {
  foundVariables(): FoundVariable[];
  submodules?(): Submodule[];
}

/** All variables below `root`'s own enumerable fields, each once, in the order of the fields. */
export function findVariables(root: object): FoundVariable[] {
  const found = new Map<tf.Variable, FoundVariable>();
  const add = (entry: FoundVariable): void => {
    if (!found.has(entry.variable)) found.set(entry.variable, entry);
  };
  walkFields(root, '', {
    variable: (name, variable) => add({ name, variable, trainable: variable.trainable }),
    layer: (name, layer) => {
      for (const entry of layerVariables(name, layer)) add(entry);
    },
    nested: (name, nested) => {
      for (const entry of nested.foundVariables()) add({ ...entry, name: `${name}.${entry.name}` });
    },
  });
  return [...found.values()];
}

/** The parts of `root` that hold variables, with the layers of models and the parts of modules below them. */
export function findSubmodules(root: object): Submodule[] {
  const found: Submodule[] = [];
  const addLayer = (name: string, layer: LayerLike, depth: number, macs: LayerMacs): void => {
    const variables = layer.weights.map((weight) => weight.val);
    const trained = layer.trainableWeights.map((weight) => weight.val);
    const type = layer.getClassName();
    found.push({ name, type, depth, outputShape: shapeText(layer), variables, trained, macs: macs.get(layer) });
    layer.layers?.forEach((child, i) => {
      if (child.getClassName() !== 'InputLayer') addLayer(`${name}.${layerKey(child, i)}`, child, depth + 1, macs);
    });
  };
  walkFields(root, '', {
    variable: (name, variable) => {
      const trained = variable.trainable ? [variable] : [];
      const shape = `[${variable.shape}]`;
      found.push({ name, type: 'Variable', depth: 0, outputShape: shape, variables: [variable], trained, macs: 0 });
    },
    layer: (name, layer) => addLayer(name, layer, 0, layer instanceof tf.LayersModel ? macsByLayer(layer) : new Map()),
    nested: (name, nested) => {
      const entries = nested.foundVariables();
      const variables = entries.map((entry) => entry.variable);
      const trained = entries.filter((entry) => entry.trainable).map((entry) => entry.variable);
      const parts = nested.submodules?.() ?? [];
      const macs = totalMacs(parts);
      found.push({ name, type: nested.constructor.name, depth: 0, outputShape: '', variables, trained, macs });
      for (const part of parts) found.push({ ...part, name: `${name}.${part.name}`, depth: part.depth + 1 });
    },
  });
  return found;
}

/** The multiply-accumulates of a module with these parts; `undefined` when one of them cannot be told. */
export function totalMacs(parts: readonly Pick<Submodule, 'depth' | 'macs'>[]): number | undefined {
  const own = parts.filter(({ depth }) => depth === 0);
  return own.reduce<number | undefined>(
    (sum, { macs }) => (sum === undefined || macs === undefined ? undefined : sum + macs),
    0,
  );
}

/** Sets `trainable` on every layer and variable below `root`. */
export function setTrainable(root: object, trainable: boolean): void {
  walkFields(root, '', {
    variable: (_, variable) => {
      (variable as { trainable: boolean }).trainable = trainable;
    },
    layer: (_, layer) => {
      for (const each of withDescendants(layer)) each.trainable = trainable;
    },
    nested: (_, nested) => setTrainable(nested, trainable),
  });
}

/** The modules in `root`'s public fields. Theirs are theirs to find. */
export function findNested(root: object): (HasVariables & object)[] {
  const found: (HasVariables & object)[] = [];
  walkFields(root, '', { variable: () => {}, layer: () => {}, nested: (_, nested) => found.push(nested) });
  return found;
}

interface Visitor {
  variable(name: string, variable: tf.Variable): void;
  layer(name: string, layer: LayerLike): void;
  nested(name: string, nested: HasVariables & object): void;
}

function walkFields(value: object, path: string, visitor: Visitor): void {
  const entries = value instanceof Map ? [...value.entries()] : Object.entries(value);
  for (const [key, field] of entries) {
    const name = path === '' ? String(key) : `${path}.${String(key)}`;
    if (field instanceof tf.Variable) visitor.variable(name, field);
    else if (isLayer(field)) visitor.layer(name, field);
    else if (hasVariables(field)) visitor.nested(name, field);
    else if (Array.isArray(field) || field instanceof Map || isPlainObject(field)) walkFields(field, name, visitor);
  }
}

function layerVariables(name: string, layer: LayerLike): FoundVariable[] {
  if (layer.layers !== undefined) {
    return layer.layers.flatMap((child, i) => layerVariables(`${name}.${layerKey(child, i)}`, child));
  }
  const trainable = new Set(layer.trainableWeights.map((weight) => weight.val));
  const taken = new Map<string, number>();
  return layer.weights.map(({ originalName, val }) => {
    const own = originalName.slice(originalName.lastIndexOf('/') + 1);
    const count = taken.get(own) ?? 0;
    taken.set(own, count + 1);
    return { name: `${name}.${own}${count === 0 ? '' : `_${count}`}`, variable: val, trainable: trainable.has(val) };
  });
}

/** A layer's own name where the user gave it one, else its position: tfjs numbers unnamed layers per process. */
function layerKey(layer: LayerLike, index: number): string {
  const automatic = /_[A-Z]\w*\d+$|^(sequential|model)_?\d+$/.test(layer.name);
  return automatic ? String(index) : layer.name.replaceAll(/[./]/g, '_');
}

function withDescendants(layer: LayerLike): LayerLike[] {
  return [layer, ...(layer.layers ?? []).flatMap(withDescendants)];
}

function shapeText(layer: LayerLike): string {
  try {
    return JSON.stringify(layer.outputShape).replaceAll('null', '?').replaceAll(',', ', ');
  } catch {
    return ''; // a layer that is used at several places has no single output shape
  }
}

function isLayer(value: unknown): value is LayerLike {
  return value instanceof tf.layers.Layer;
}

function hasVariables(value: unknown): value is HasVariables & object {
  return typeof (value as HasVariables | undefined | null)?.foundVariables === 'function';
}
