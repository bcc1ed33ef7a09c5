/** What `--sweep` is given: a question by its name, or lists of values. */
import { UsageError } from './exit.ts';

/** What is varied; the rest is as the other options say. */
export interface Axes {
  readonly sizes?: readonly number[];
  readonly tasks?: readonly string[];
  readonly temperatures?: readonly number[];
  readonly alphas?: readonly number[];
}

const AXES = ['sizes', 'tasks', 'temperatures', 'alphas'] as const;
type Axis = (typeof AXES)[number];

/**
 * Reads `size`, `task` or `temperature`, which stand for usual values, or `sizes=0.5,0.1,temperatures=2,8`; also mixed.
 *
 * @param data the data set of `--data`, for `task`: all of it, and transfer sets of 1,000 and 200 images
 * @throws UsageError `invalid-sweep`
 */
export function readAxes(given: string, data: string): Axes {
  const usual: Readonly<Record<string, Axes>> = {
    size: { sizes: [0.5, 0.2, 0.1, 0.05, 0.02] },
    task: { tasks: [data, `${data}@1000`, `${data}@200`] },
    temperature: { temperatures: [1, 2, 4, 8, 20], alphas: [0.5, 0.9] },
  };
  const axes: Partial<Record<Axis, string[]>> = {};
  let open: Axis | undefined;
  let named: Axes = {};
  for (const token of given.split(/[,;]/).map((part) => part.trim())) {
    const [key, first, ...more] = token.split('=');
    if (first !== undefined && more.length === 0 && AXES.includes(key as Axis)) {
      open = key as Axis;
      axes[open] = [first];
    } else if (first !== undefined || token === '') {
      throw invalid(token);
    } else if (Object.hasOwn(usual, token)) {
      named = { ...named, ...usual[token] };
      open = undefined;
    } else if (open === undefined) {
      throw invalid(token);
    } else {
      axes[open]?.push(token);
    }
  }
  const { tasks, ...lists } = axes;
  const numbers = Object.entries(lists).map(([key, values]) => [key, values.map(numberOf)] as const);
  return { ...named, ...(tasks && { tasks }), ...Object.fromEntries(numbers) };
}

/** A task by its name: a data set, and how many of its training images are the transfer set. @throws UsageError `invalid-sweep` */
export function readTask(task: string): { readonly data: string; readonly samples: number | undefined } {
  const [data, samples, ...more] = task.split('@');
  const known = data === 'mnist' || data === 'digits' || data === 'idx';
  const count = samples === undefined ? undefined : Number(samples);
  if (!known || more.length > 0 || (count !== undefined && !(Number.isInteger(count) && count > 0)))
    throw invalid(task);
  return { data, samples: count };
}

function numberOf(text: string): number {
  const value = Number(text);
  if (text === '' || !Number.isFinite(value)) throw invalid(text);
  return value;
}

function invalid(got: string): UsageError {
  return new UsageError('--sweep', {
    code: 'invalid-sweep',
    expected:
      'size, task, temperature, or lists such as sizes=0.5,0.1,tasks=digits,digits@500,temperatures=2,8,alphas=0.5,0.9',
    got: `'${got}'`,
  });
}
