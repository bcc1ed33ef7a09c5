/** The model summary as text: a table of the module's parts and the totals below it. */
import type { ModuleView } from '../core/contracts.ts';
import { formatTable } from '../core/table.ts';
import type * as tf from '../core/tf.ts';

type Cells = readonly [name: string, type: string, shape: string, parameters: string];

const HEADER: Cells = ['name', 'type', 'output shape', 'parameters'];
const UNITS = ['', ' K', ' M', ' B', ' T'];

/**
 * The summary of a module: name, type, output shape and parameters of each part, then the totals.
 *
 * @param maxDepth 0: the module's fields; 1 (default): the layers of models in them, too; -1: everything
 *
 * @example
 * ```ts
 * console.log(summarize(new Net()));
 * ```
 */
export function summarize(module: ModuleView, { maxDepth = 1 }: { maxDepth?: number | undefined } = {}): string {
  const parts = module.submodules().filter(({ depth }) => maxDepth === -1 || depth <= maxDepth);
  const rows = parts.map(
    ({ name, type, depth, outputShape, variables }): Cells => [
      '  '.repeat(depth) + name,
      type,
      outputShape.replaceAll(/, */g, ', '),
      countText(sizeOf(variables)),
    ],
  );
  return [module.constructor.name, ...table(rows), ...totals(module)].join('\n');
}

/** A count for people: `123`, `1.2 K`, `235 K`, `2.0 M`, `3.5 B`, `1,000 T`. */
export function countText(count: number): string {
  const group = Math.min(Math.max(0, Math.ceil(String(count).length / 3) - 1), UNITS.length - 1);
  const scaled = count / 1000 ** group;
  const digits = group === 0 || scaled >= 100 ? Math.floor(scaled).toLocaleString('en-US') : scaled.toFixed(1);
  return `${digits}${UNITS[group]}`;
}

/** With a rule below it, too, which parts it from the totals. */
function table(rows: readonly Cells[]): string[] {
  const lines = formatTable(HEADER, rows, ['left', 'left', 'left', 'right']).split('\n');
  return [...lines, lines[1] as string];
}

function totals(module: ModuleView): string[] {
  const all = [...module.namedVariables().values()];
  const total = sizeOf(all);
  const trainable = sizeOf(module.parameters());
  const megabytes = all.reduce((sum, variable) => sum + variable.size * bytesOf(variable), 0) / 1e6;
  return [
    `${countText(trainable)} trainable, ${countText(total - trainable)} non-trainable, ${countText(total)} parameters in total`,
    `${megabytes.toFixed(megabytes < 10 ? 3 : 1)} MB of parameters`,
  ];
}

function sizeOf(variables: readonly tf.Variable[]): number {
  return variables.reduce((sum, variable) => sum + variable.size, 0);
}

function bytesOf({ dtype }: tf.Variable): number {
  return dtype === 'bool' ? 1 : 4;
}
