/** Defaults of the trainer's flags from the environment: `KELVIN_TRAINER_MAX_EPOCHS=3`. What is given in code goes first. */
import type { z } from 'zod';
import { ConfigError } from '../core/errors.ts';
import { unknownOption } from '../core/options.ts';

const PREFIX = 'KELVIN_TRAINER_';

/**
 * The flags that the environment sets and `given` leaves out. Values are read as JSON where they are JSON (`3`, `true`,
 * `null`), else as text (`25%`, `30min`), and checked as if they had been given in code.
 *
 * @param schema the schema of all flags
 * @throws ConfigError `unknown-option` or `invalid-option`, naming the variable
 */
export function environmentDefaults(
  schema: z.ZodObject,
  given: object,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, unknown> {
  const flags: Record<string, unknown> = {};
  for (const [variable, text] of Object.entries(environment)) {
    if (text === undefined || text === '' || !variable.startsWith(PREFIX)) continue;
    const name = Object.keys(schema.shape).find((each) => variableOf(each) === variable);
    if (name === undefined) throw unknownOption('Environment', variable, Object.keys(schema.shape).map(variableOf));
    if ((given as Record<string, unknown>)[name] !== undefined) continue;
    const result = (schema.shape[name] as z.ZodType).safeParse(parsed(text));
    if (!result.success) {
      throw new ConfigError(`Environment: variable \`${variable}\``, {
        code: 'invalid-option',
        expected: result.error.issues[0]?.message,
        got: `'${text}'`,
      });
    }
    flags[name] = parsed(text);
  }
  return flags;
}

/** `limitTrainBatches` is `KELVIN_TRAINER_LIMIT_TRAIN_BATCHES`, `checkValEveryNEpoch` `…_CHECK_VAL_EVERY_N_EPOCH`. */
function variableOf(name: string): string {
  const words = name
    .replace('NaN', 'Nan')
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1_$2');
  return PREFIX + words.toUpperCase();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
