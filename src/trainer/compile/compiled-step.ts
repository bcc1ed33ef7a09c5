/** A compiled step at work: feeds it, hands on what it logs, and keeps the trainer's books as an eager step would. */
import type { StepOutput } from '../../core/contracts.ts';
import type { NumberSource } from '../../core/recording.ts';
import { globalRandom } from '../../core/seed.ts';
import { share } from '../../core/tensors.ts';
import * as tf from '../../core/tf.ts';
import type { FedNumber, Program } from '../../engine/compile/index.ts';
import type { LogDesk } from '../log-desk.ts';
import { fillTemplate, type Template } from './output.ts';
import type { RecordedLog } from './step-recording.ts';

/** What a compiled step does beside its graph. */
export interface StepPlan {
  readonly program: Program;
  readonly numbers: ReadonlyMap<string, FedNumber>;
  readonly draws: number;
  readonly work: readonly { readonly names: readonly string[]; readonly run: HostRun }[];
  /** Inputs that are none of the batch's, and where they come from. */
  readonly given: readonly (readonly [name: string, read: () => tf.Tensor])[];
  readonly logs: readonly RecordedLog[];
  /** What the step gives back; its tensors are the outputs `output 0`, `output 1`, … */
  readonly output: Template;
  /** Which of the optimizers takes a step. */
  readonly stepped: readonly boolean[];
}

type HostRun = (tensors: readonly tf.Tensor[], batchIdx: number) => void;

/** What a step is run with beside its own inputs. */
export interface StepContext {
  readonly batchIdx: number;
  readonly desk: LogDesk;
  /** Takes outputs that are neither logged nor given back. */
  readonly take?: ((name: string, tensor: tf.Tensor) => void) | undefined;
}

/** Runs a step. The output's tensors belong to the caller; other outputs are shown to `take`. */
export function runPlan(plan: StepPlan, tensors: ReadonlyMap<string, tf.Tensor>, context: StepContext): StepOutput {
  const { given } = plan;
  if (given.length === 0) return run(plan, tensors, context);
  let output: StepOutput = {};
  tf.tidy(() => {
    const others = given.map(([name, read]) => [name, read()] as const);
    output = run(plan, new Map([...tensors, ...others]), context);
  });
  return output;
}

function run(
  { program, numbers, draws, work, logs, output }: StepPlan,
  inputs: ReadonlyMap<string, tf.Tensor>,
  { batchIdx, desk, take }: StepContext,
): StepOutput {
  for (const { names, run: again } of work)
    again(
      names.map((name) => inputs.get(name) as tf.Tensor),
      batchIdx,
    );
  const results = program.run({ inputs, number: reader(numbers), seeds: drawSeeds(draws) });
  const spent = new Set(results.values());
  try {
    for (const [i, { hook, name, value, options, defaultXAxis }] of logs.entries()) {
      const logged = typeof value === 'number' ? value : (results.get(`log ${i}`) as tf.Scalar);
      desk.log(hook, name, logged, options, defaultXAxis);
    }
    if (take !== undefined) for (const [name, tensor] of results) take(name, tensor);
    return fillTemplate(output, (index) => share(results.get(`output ${index}`) as tf.Tensor)) as StepOutput;
  } finally {
    for (const tensor of spent) tensor.dispose();
  }
}

/** Reads fed numbers; each source is asked once per step. */
function reader(numbers: ReadonlyMap<string, FedNumber>): (key: string) => number {
  const known = new Map<NumberSource, Readonly<Record<string, number>>>();
  return (key) => {
    const { source, name } = numbers.get(key) as FedNumber;
    let values = known.get(source);
    if (values === undefined) {
      values = source.values();
      known.set(source, values);
    }
    return values[name] as number;
  };
}

/** The seeds of a step's random masks, drawn in the order in which an eager step would. */
function drawSeeds(draws: number): Int32Array {
  const seeds = new Int32Array(2 * draws);
  const random = globalRandom();
  for (let i = 0; i < seeds.length; i++) seeds[i] = random.bits();
  return seeds;
}
