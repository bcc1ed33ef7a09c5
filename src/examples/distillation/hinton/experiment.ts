/** The experiment: a teacher, students alone and distilled, students that never saw some digits, and the temperatures. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bestClassBias, type ClassScores, classErrors } from 'kelvin';
import { type Ledger, type OmittedRun, openLedger, type Run } from './ledger.ts';
import { logitsOf } from './logits.ts';
import { makeStudent, makeTeacher, type Student, type Teaching } from './networks.ts';
import type { Plan, StudentPlan } from './plan.ts';
import { jittered, type Outcome, type Surroundings, train, transferLoader } from './training.ts';

/** What the experiment is to do. */
export interface ExperimentOptions extends Surroundings {
  readonly plan: Plan;
  /** The runs to do, by name or by kind: `alone/0`, `small-T4`. Default: all. */
  readonly only?: readonly string[] | undefined;
  /** Takes a line per finished run. */
  readonly print: (line: string) => void;
}

/** One student to be trained. */
interface Assignment {
  readonly name: string;
  readonly schedule: StudentPlan;
  readonly teaching: Teaching;
  readonly seed: number;
  /** Digits that are not in its transfer set. */
  readonly omitted?: readonly number[];
}

/** The run that gives the soft targets. */
export const TEACHER = 'teacher/0';
const ALONE: Teaching = { temperature: 1, alpha: 0 };

/** The runs that are asked for and not made yet: the teacher, where it or any of its students is among them, then students. */
export function openRuns({ plan, only }: Pick<ExperimentOptions, 'plan' | 'only'>, ledger: Ledger): string[] {
  const wanted = (name: string) => only?.some((part) => part === name || part === name.split('/')[0]) ?? true;
  const open = Array.from(assignments(plan)).filter(({ name }) => wanted(name) && !ledger.get(name));
  const teacher = wanted(TEACHER) || open.some(({ teaching }) => teaching.alpha > 0);
  return [...(teacher && !ledger.get(TEACHER) ? [TEACHER] : []), ...open.map(({ name }) => name)];
}

/** Runs whatever has not been run yet; the teacher also where only its students are asked for. */
export async function runExperiment(options: ExperimentOptions): Promise<Ledger> {
  const { plan, directory } = options;
  const ledger = openLedger(directory, plan);
  const names = new Set(openRuns(options, ledger));
  const open = Array.from(assignments(plan)).filter(({ name }) => names.has(name));
  const taught = open.some(({ teaching }) => teaching.alpha > 0);
  const soft = names.has(TEACHER) || taught ? await softTargets(options, ledger) : undefined;
  for (const assignment of open) {
    const run = await teach(assignment, assignment.teaching.alpha > 0 ? soft : undefined, options);
    ledger.add(assignment.name, run);
    options.print(lineOf(assignment.name, run));
  }
  return ledger;
}

/** All students, those of the table first. */
function* assignments(plan: Plan): Generator<Assignment> {
  const { student: schedule, sweep, temperature, alpha, seeds } = plan;
  for (const seed of seeds) {
    yield { name: `alone/${seed}`, schedule, teaching: ALONE, seed };
    yield { name: `distilled/${seed}`, schedule, teaching: { temperature, alpha }, seed };
  }
  for (const omitted of plan.omitted) {
    // Soft targets alone: the paper asks what they say of digits that the student never saw.
    const teaching = { temperature, alpha: 1 };
    for (const seed of seeds) yield { name: `omitted-${omitted.join('')}/${seed}`, schedule, teaching, seed, omitted };
  }
  for (const seed of seeds) {
    yield { name: `small-alone/${seed}`, schedule: sweep, teaching: ALONE, seed };
    for (const t of sweep.temperatures) {
      yield { name: `small-T${t}/${seed}`, schedule: sweep, teaching: { temperature: t, alpha }, seed };
    }
  }
}

/** What the teacher says of the training images as they are; it is trained first where that is not known yet. */
async function softTargets(options: ExperimentOptions, ledger: Ledger): Promise<ClassScores> {
  const { plan, digits, directory, print } = options;
  const file = join(directory, 'soft-targets.bin');
  if (!ledger.get(TEACHER) || !existsSync(file)) {
    const model = makeTeacher(plan, 0);
    const loader = jittered(digits, plan.teacher, 0);
    const { errors, curve, minutes } = await train('teacher', model, loader, plan.teacher, options);
    const { logits } = logitsOf(model, digits.train);
    model.dispose();
    writeFileSync(`${file}.new`, new Uint8Array(logits.buffer));
    renameSync(`${file}.new`, file);
    ledger.add(TEACHER, { errors, curve, minutes });
    print(lineOf(TEACHER, { errors, curve, minutes }));
  }
  const bytes = readFileSync(file);
  const logits = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  return { logits, labels: digits.train.columns.y.data };
}

async function teach(assignment: Assignment, soft: ClassScores | undefined, options: ExperimentOptions): Promise<Run> {
  const { name, schedule, teaching, seed, omitted } = assignment;
  const model = makeStudent(schedule, teaching, seed);
  const loader = transferLoader(options.digits, soft, schedule, seed, omitted);
  const outcome = await train(name, model, loader, schedule, options);
  const { errors, curve, minutes } = outcome;
  const left = omitted && withoutDigits(model, outcome, omitted, options);
  model.dispose();
  return { errors, curve, minutes, ...(left && { omitted: left }) };
}

/** What a student makes of digits it never saw, as it is and with their biases shifted. */
function withoutDigits(
  model: Student,
  { test }: Outcome,
  omitted: readonly number[],
  { digits }: ExperimentOptions,
): OmittedRun {
  // The biases of the digits that are in the transfer set are too high when they are the few, else those left out too low.
  const shifted = omitted.length <= 5 ? omitted : Array.from(Array(10).keys()).filter((d) => !omitted.includes(d));
  const onThem = (byDigit: readonly number[]) => omitted.reduce((sum, digit) => sum + (byDigit[digit] as number), 0);
  const shift = (chosenOn: ClassScores) => {
    const { bias } = bestClassBias(chosenOn, shifted);
    const { all, byClass } = classErrors(test, Object.fromEntries(shifted.map((digit) => [digit, bias])));
    return { bias, errors: all, errorsOnThem: onThem(byClass) };
  };
  return {
    digits: [...omitted],
    errorsOnThem: onThem(classErrors(test).byClass),
    onTest: shift(test),
    onTraining: shift(logitsOf(model, digits.train)),
  };
}

function lineOf(name: string, { errors, minutes, omitted }: Run): string {
  const more = omitted
    ? ` (${omitted.errorsOnThem} on the omitted); with biases shifted by ${omitted.onTest.bias}: ${omitted.onTest.errors}`
    : '';
  return `${name.padEnd(24)} ${String(errors).padStart(5)} errors${more}  (${minutes.toFixed(1)} min)`;
}
