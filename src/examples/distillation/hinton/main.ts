/** `npm run hinton`: the MNIST experiment of "Distilling the Knowledge in a Neural Network" from the command line. */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ArrayDataset, drawnDigits, type ImageColumns, KelvinError, mnist, startEngine } from 'kelvin';
import { openRuns, runExperiment } from './experiment.ts';
import { type Ledger, minutesOf, openLedger } from './ledger.ts';
import { FULL, type Plan, QUICK } from './plan.ts';
import { shareRuns, startRun } from './processes.ts';
import { errorCurves, sweepTable, tableOf, temperatureCurve } from './report.ts';
import { type Digits, Interrupted } from './training.ts';

const HELP = `Reproduces the MNIST table of Hinton, Vinyals and Dean (2015): a teacher, students alone and distilled, digits
left out, and the temperatures of a small student. What is finished is kept; running it again goes on from there.

Usage: npm run hinton -- [options]

  --data-dir <path>  directory with the four MNIST files; else they are looked for, and downloaded
  --out <path>       where results, curves and TensorBoard files go (default: runs/hinton)
  --seeds <n>        runs per row (default 3)
  --only <runs>      some runs or kinds of runs, such as alone/0,small-T4
  --processes <n>    students that are trained at the same time, and threads of the teacher (default: one per core)
  --quick            a few seconds, on drawn digits
  --help
`;

/** Exit code: 0 done, 1 failed, 2 wrong use, 130 interrupted. */
async function main(args: readonly string[]): Promise<number> {
  let options: ReturnType<typeof read>;
  try {
    options = read(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${HELP}`);
    return 2;
  }
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const { plan, only, out, dataDir, quick, processes, run } = options;
  const print = (line: string) => void process.stdout.write(`${line}\n`);
  try {
    const engine = await startEngine();
    const digits = firstOf(quick ? drawnDigits({ train: 600, test: 200 }) : await mnist({ dataDir }), plan);
    const progress = process.stderr.isTTY === true;
    const asked = { plan, only: run === undefined ? only : [run], digits, directory: out, progress, print };
    if (run !== undefined || processes === 1) {
      if (run === undefined) print(`Engine: ${engine.name}, ${engine.detail}.`);
      await runExperiment(asked);
    } else {
      print(
        `Engine: ${engine.name}, ${engine.detail}; the teacher on ${processes} threads, then ${processes} students at a time.`,
      );
      const runs = openRuns(asked, openLedger(out, plan));
      const code = await shareRuns({ runs, processes, start: (name, threads) => startRun(name, threads, args) });
      if (code !== 0) return code;
    }
    if (asked.only === undefined) report(openLedger(out, plan), options, print);
    return 0;
  } catch (error) {
    if (error instanceof Interrupted) return 130;
    if (!(error instanceof KelvinError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}

/** The table and the curves, on the screen and as files. */
function report(ledger: Ledger, { plan, out }: { plan: Plan; out: string }, print: (line: string) => void): void {
  const table = `${tableOf(ledger, plan)}\n\n${sweepTable(ledger, plan)}\n`;
  writeFileSync(join(out, 'table.md'), table);
  writeFileSync(join(out, 'errors.svg'), errorCurves(ledger));
  writeFileSync(join(out, 'temperature.svg'), temperatureCurve(ledger, plan));
  print(`\n${table}\n${minutesOf(ledger).toFixed(1)} minutes of training. Table and curves: ${out}`);
}

/** The first images of each part. */
function firstOf({ train, test }: Digits, { trainingImages, testImages }: Plan): Digits {
  const first = ({ columns: { x, y } }: ArrayDataset<ImageColumns>, count: number) =>
    new ArrayDataset({
      x: { ...x, data: x.data.subarray(0, count * 784) },
      y: { ...y, data: y.data.subarray(0, count) },
    }) as ArrayDataset<ImageColumns>;
  return { train: first(train, trainingImages), test: first(test, testImages) };
}

function read(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      'data-dir': text,
      out: text,
      seeds: text,
      only: text,
      processes: text,
      run: text, // a process of its own for one run: see processes.ts
      quick: flag,
      help: flag,
    },
  });
  const { out = 'runs/hinton', quick, help, run } = values;
  const plan = quick ? QUICK : FULL;
  const seeds = Array.from(Array(countOf('seeds', values.seeds, plan.seeds.length)).keys());
  const processes = countOf('processes', values.processes, availableParallelism());
  const only = values.only?.split(',');
  return { dataDir: values['data-dir'], only, out, quick, help, run, processes, plan: { ...plan, seeds } };
}

function countOf(option: string, given: string | undefined, otherwise: number): number {
  if (given === undefined) return otherwise;
  if (/^[1-9]\d?$/.test(given)) return Number(given);
  throw new Error(`--${option}: expected 1 to 99, got '${given}'`);
}

process.exitCode = await main(process.argv.slice(2));
