/** What the turns have given, as Markdown: ratios of medians and of minima, and how near to the machine's limit Kelvin is. */
import type { Contestant } from './contestant.ts';

/** What was measured of one model. */
export interface Heat {
  readonly model: string;
  readonly threads: number;
  readonly contestants: readonly Contestant[];
}

const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
const median = (values: readonly number[]): number => sorted(values)[values.length >> 1] as number;
const least = (values: readonly number[]): number => Math.min(...values);
const digits = (ms: number): string => (ms < 1 ? ms.toFixed(3) : ms < 10 ? ms.toFixed(2) : ms.toFixed(1));

export const TITLES: Readonly<Record<string, string>> = {
  s: 'MLP 64-32-10, batch 32',
  a: 'MLP 784-1200-1200-10, batch 128',
  b: 'CNN 28x28x1, batch 128',
  c: 'depthwise-separable with batch norm, 32x32x3, batch 128',
};

/** The table's head. */
export const head = (): string =>
  [
    '| | threads | | ms per step: median | minimum | Kelvin is faster: medians | minima |',
    '|---|---|---|---|---|---|---|',
  ].join('\n');

/** The rows of one model. */
export function rows({ model, threads, contestants }: Heat): string {
  const [kelvin] = contestants as [Contestant];
  return contestants
    .filter(({ name, times }) => !name.startsWith(GEMM) && times.length > 0)
    .map(({ name, times }, i) => {
      const place = i === 0 ? `| (${model}) ${TITLES[model]} | ${threads}` : '| | ';
      const own = `${place} | ${name} | ${digits(median(times))} | ${digits(least(times))}`;
      if (i === 0 || kelvin.times.length === 0) return `${own} | | |`;
      const ratio = (of: typeof median): string => `${(of(times) / of(kelvin.times)).toFixed(2)} times`;
      return `${own} | ${ratio(median)} | ${ratio(least)} |`;
    })
    .join('\n');
}

/** Contestants by this name multiply matrices and do nothing else. */
export const GEMM = 'GEMM';
const GEMM_OPERATIONS = 2 * 1024 ** 3;

/** The rate that Kelvin reaches, beside the best that the machine has shown in the same turns. */
export function limit({ model, threads, contestants }: Heat): string | undefined {
  const [kelvin, ...others] = contestants as [Contestant, ...Contestant[]];
  const products = others.filter(({ name, times }) => name.startsWith(GEMM) && times.length > 0);
  if (products.length === 0 || kelvin.times.length === 0 || kelvin.operations === undefined) return undefined;
  const peak = GEMM_OPERATIONS / Math.min(...products.map(({ times }) => least(times))) / 1e6;
  const [typical, best] = [median, least].map((of) => (kelvin.operations as number) / of(kelvin.times) / 1e6);
  const share = ((best as number) / peak) * 100;
  const cells = [
    `(${model})`,
    threads,
    typical?.toFixed(1),
    best?.toFixed(1),
    peak.toFixed(0),
    `${share.toFixed(0)} %`,
  ];
  return `| ${cells.join(' | ')} |`;
}

/** The head of the table of limits. */
export const limitHead = (): string =>
  ['| | threads | GFLOP/s: median | best | peak: 1024x1024 products | share |', '|---|---|---|---|---|---|'].join('\n');
