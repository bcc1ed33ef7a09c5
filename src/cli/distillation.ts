/** What `kelvin distill` and its sweeps share: where a run goes on, the temperature over time, the report's files. */
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkpointsIn } from '../checkpoint/store.ts';
import { ConfigError } from '../core/errors.ts';
import type { DistillationReport, TextWriter } from '../distillation/report/index.ts';
import type { TemperatureSchedule } from '../distillation/temperature/temperature-callback.ts';
import { type Io, say } from './io.ts';
import type { DistillationSettings, TrainerSettings } from './settings.ts';
import type { Training } from './trainer.ts';

/** The newest checkpoint of the newest version that has any. One older than the part before it is of another distillation. */
export async function newestCheckpoint(directory: string): Promise<{ path: string; time: number } | undefined> {
  const versions = (await readdir(directory).catch(() => [])).flatMap(
    (name) => /^version_(\d+)$/.exec(name)?.[1] ?? [],
  );
  for (const version of versions.map(Number).sort((a, b) => b - a)) {
    const [path] = await checkpointsIn(join(directory, `version_${version}`, 'checkpoints'));
    if (path !== undefined) return { path, time: await timeOf(path) };
  }
  return undefined;
}

export const timeOf = async (path: string): Promise<number> => (await stat(path)).mtimeMs;

/** What may differ between a distillation and its going on. */
const FREE = [
  'logDir',
  'name',
  'engine',
  'progress',
  'resume',
  'baseline',
  'cacheTeacher',
  'maxEpochs',
  'teacherEpochs',
  'metrics',
  'seeds',
];

/**
 * Writes down the options of a distillation, and compares them where it is gone on with: weights trained on other data, or in
 * another way, are not to be taken for those that are asked for.
 *
 * @throws ConfigError `other-plan`
 */
export async function keepPlan(settings: object & { logDir: string; name?: string | undefined; resume?: boolean }) {
  const file = join(settings.logDir, `${settings.name ?? 'distill'}-options.json`);
  const own = Object.fromEntries(Object.entries(settings).filter(([key]) => !FREE.includes(key)));
  const text = settings.resume ? await readFile(file, 'utf8').catch(() => undefined) : undefined;
  const kept: Record<string, unknown> = text === undefined ? own : JSON.parse(text);
  const plain: Record<string, unknown> = JSON.parse(JSON.stringify(own));
  const other = [...new Set([...Object.keys(plain), ...Object.keys(kept)])].filter(
    (key) => JSON.stringify(plain[key]) !== JSON.stringify(kept[key]),
  );
  if (text !== undefined && other.length > 0) {
    const listed = (from: Record<string, unknown>): string =>
      other.map((key) => `${key} ${JSON.stringify(from[key])}`).join(', ');
    throw new ConfigError(`--resume: the distillation in ${settings.logDir} had other options`, {
      code: 'other-plan',
      expected: listed(kept),
      got: listed(plain),
      help: 'give those options, or another --name or --log-dir for a new distillation',
    });
  }
  await mkdir(settings.logDir, { recursive: true });
  await writeFile(file, `${JSON.stringify(own, null, 1)}\n`);
}

type ScheduleSettings = Pick<DistillationSettings, 'temperature' | 'temperatureSchedule'> &
  Pick<TrainerSettings, 'maxEpochs'>;

/** From the temperature down to 1; `step` halves it five times over the run. */
export function schedule({ temperature, temperatureSchedule, maxEpochs }: ScheduleSettings): TemperatureSchedule {
  switch (temperatureSchedule) {
    case 'constant':
      return { schedule: 'constant', value: temperature };
    case 'linear':
    case 'cosine':
      return { schedule: temperatureSchedule, start: temperature };
    case 'step':
      return { schedule: 'step', start: temperature, every: Math.max(1, Math.ceil(maxEpochs / 5)) };
    default:
      return temperatureSchedule satisfies never;
  }
}

/** What the teacher has brought, in a sentence. */
export function gainText(report: DistillationReport): string {
  const { value, low, high, seeds } = report.gain('student distilled', 'student alone');
  const { samples } = report.reference;
  const counted = (share: number): string =>
    `${Math.abs(share * samples).toLocaleString('en-US', { maximumFractionDigits: 1 })} ${share < 0 ? 'more' : 'fewer'}`;
  const sure = low > 0 || high < 0 ? '' : '; they cannot be told apart';
  const over = seeds.length === 1 ? 'one run of each' : `${seeds.length} pairs of runs`;
  return `Distilled: ${counted(value)} errors than alone (95 %: ${counted(low)} to ${counted(high)}; ${over}${sure}).`;
}

/** A report of whatever kind. */
interface Report {
  toHTML(): string;
  writeTo(writer: TextWriter, href?: string): void;
}

/** Writes `report.html` and `report.json` beside the logs, and the table into TensorBoard's text tab with a link to the page. */
export async function writeReport({ trainer, logger }: Training, report: Report, io: Io): Promise<void> {
  const { logDir } = trainer;
  if (trainer.fastDevRun || logDir === undefined) return;
  await writeFile(join(logDir, 'report.html'), report.toHTML());
  await writeFile(join(logDir, 'report.json'), `${JSON.stringify(report, null, 1)}\n`);
  logger.useWriter((writer) => report.writeTo(writer, pathToFileURL(resolve(logDir, 'report.html')).href));
  await logger.finalize('success');
  say(io, `Report:      ${join(logDir, 'report.html')}`);
}
