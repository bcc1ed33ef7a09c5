/** The model summary as text: a table of the module's parts and the totals below it. */
import type { ModuleView } from '../core/contracts.ts';
import { formatTable } from '../core/table.ts';
import type * as tf from '../core/tf.ts';

type Part = ReturnType<ModuleView['submodules']>[number];

const HEADER = ['name', 'type', 'output shape', 'parameters', 'trainable', 'bytes', 'MACs'] as const;
const UNITS = ['', ' K', ' M', ' B', ' T'];

/**
 * The summary of a module: name, type, output shape, parameters, how many of them are trainable, bytes and
 * multiply-accumulates (MACs) of each part, then the totals. MACs are those of one sample; `?` where they cannot be told:
 * shapes have gaps, or a layer of your own does not count them (see `countMacs`).
 *
 * @param maxDepth 0: the module's fields; 1 (default): the layers of models in them, too; -1: everything
 *
 * @example
 * ```ts
 * console.log(summarize(new Net()));
 * ```
 */
export function summarize(module: ModuleView, { maxDepth = 1 }: { maxDepth?: number | undefined } = {}): string {
  const parts = module.submodules();
  const rows = parts.filter(({ depth }) => maxDepth === -1 || depth <= maxDepth).map(rowOf);
  return [module.constructor.name, ...table(rows), ...totals(module, parts)].join('\n');
}

function rowOf({ name, type, depth, outputShape, variables, trained, macs }: Part): string[] {
  return [
    '  '.repeat(depth) + name,
    type,
    outputShape.replaceAll(/, */g, ', '),
    countText(sizeOf(variables)),
    countText(sizeOf(trained)),
    bytesText(bytesOf(variables)),
    macs === undefined ? '?' : countText(macs),
  ];
}

/** A count for people: `123`, `1.2 K`, `235 K`, `2.0 M`, `3.5 B`, `1,000 T`. */
export function countText(count: number): string {
  const group = Math.min(Math.max(0, Math.ceil(String(count).length / 3) - 1), UNITS.length - 1);
  const scaled = count / 1000 ** group;
  const digits = group === 0 || scaled >= 100 ? Math.floor(scaled).toLocaleString('en-US') : scaled.toFixed(1);
  return `${digits}${UNITS[group]}`;
}

/** Bytes for people: `12 B`, `9.8 kB`, `1.9 MB`. */
function bytesText(bytes: number): string {
  const text = countText(bytes);
  return /\d$/.test(text) ? `${text} B` : `${text.replace('K', 'k').replace(/ B$/, ' G')}B`;
}

/** With a rule below it, too, which parts it from the totals. */
function table(rows: readonly string[][]): string[] {
  const align = HEADER.map((_, column) => (column < 3 ? 'left' : 'right'));
  const lines = formatTable([...HEADER], rows, align).split('\n');
  return [...lines, lines[1] as string];
}

function totals(module: ModuleView, parts: readonly Part[]): string[] {
  const all = [...module.namedVariables().values()];
  const total = sizeOf(all);
  const trainable = sizeOf(module.parameters());
  const own = parts.filter(({ depth }) => depth === 0);
  const known = own.every(({ macs }) => macs !== undefined);
  const macs = own.reduce((sum, part) => sum + (part.macs ?? 0), 0);
  return [
    `${countText(trainable)} trainable, ${countText(total - trainable)} non-trainable, ${countText(total)} parameters in total`,
    `${bytesText(bytesOf(all))} of parameters, ${known ? countText(macs) : `at least ${countText(macs)}`} MACs per sample`,
  ];
}

function sizeOf(variables: readonly tf.Variable[]): number {
  return variables.reduce((sum, variable) => sum + variable.size, 0);
}

function bytesOf(variables: readonly tf.Variable[]): number {
  return variables.reduce((sum, { size, dtype }) => sum + size * (dtype === 'bool' ? 1 : 4), 0);
}
