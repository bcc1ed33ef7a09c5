/** `npm run demo`: the command line of the distillation demo. */
import { parseArgs } from 'node:util';
import { KelvinError } from 'kelvin';
import { runDemo } from './run-demo.ts';

const HELP = `Trains a teacher, distils it into a small student, and compares the student with one trained alone.
About two minutes on two cores.

Usage: npm run demo -- [options]

  --data <name>      mnist, digits (drawn by Kelvin itself), or auto: mnist if it can be had (default)
  --data-dir <path>  directory with the four MNIST files
  --log-dir <path>   where TensorBoard files and checkpoints go (default: runs)
  --seed <n>         default 1
  --quick            a few seconds, on very little data
  --help

Example: npm run demo -- --data digits --log-dir /tmp/runs
`;

/** Exit code: 0 done, 1 failed, 2 wrong use, 130 interrupted. */
async function main(args: readonly string[]): Promise<number> {
  let values: ReturnType<typeof read>;
  try {
    values = read(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${HELP}`);
    return 2;
  }
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  try {
    const { status } = await runDemo({ ...values, print: (line) => process.stdout.write(`${line}\n`), progress: true });
    return status === 'interrupted' ? 130 : 0;
  } catch (error) {
    if (!(error instanceof KelvinError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}

function read(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: { data: text, 'data-dir': text, 'log-dir': text, seed: text, quick: flag, help: flag },
  });
  const { data = 'auto', seed = '1' } = values;
  if (data !== 'auto' && data !== 'mnist' && data !== 'digits') throw new Error(`--data: there is no '${data}'`);
  if (!/^\d{1,9}$/.test(seed)) throw new Error(`--seed: expected a whole number, got '${seed}'`);
  return {
    data: data as 'auto' | 'mnist' | 'digits',
    dataDir: values['data-dir'],
    logDir: values['log-dir'],
    seed: Number(seed),
    quick: values.quick,
    help: values.help,
  };
}

process.exitCode = await main(process.argv.slice(2));
