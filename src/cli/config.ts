/**
 * Configuration files: YAML whose keys are the long options, flat or in the sections `trainer`, `model`, `data` and
 * `distillation`. Errors name file, line and column.
 */
import { readFileSync } from 'node:fs';
import { isMap, isScalar, LineCounter, type Pair, parseDocument, type YAMLMap } from 'yaml';
import { messageOf, show } from '../core/errors.ts';
import { nearest } from '../core/options.ts';
import { UsageError } from './exit.ts';
import { camel, type OptionGroup, type OptionSpec, problem } from './option.ts';

/** What a file says: values by option, and the hyper-parameters of the user's own module. */
export interface Config {
  readonly values: ReadonlyMap<string, unknown>;
  readonly hparams: Readonly<Record<string, unknown>>;
}

interface Reader {
  readonly file: string;
  readonly lines: LineCounter;
  readonly groups: readonly OptionGroup[];
  readonly values: Map<string, unknown>;
  readonly ownModule: boolean;
  hparams: Record<string, unknown>;
}

/**
 * Reads a configuration file.
 *
 * @param ownModule whether `--module` is given: then the section `model` holds its hyper-parameters
 * @throws UsageError naming line and column
 */
export function readConfig(
  file: string,
  groups: readonly OptionGroup[],
  { ownModule }: { ownModule: boolean },
): Config {
  const lines = new LineCounter();
  const document = parseDocument(readText(file), { lineCounter: lines });
  const [error] = document.errors;
  if (error !== undefined) {
    const [start] = error.linePos ?? [];
    throw at(file, start, (error.message.split('\n')[0] as string).replace(/ at line \d+.*$/, ''), 'invalid-yaml', {});
  }
  const root = document.contents;
  if (root === null) return { values: new Map(), hparams: {} };
  if (!isMap(root))
    throw at(file, { line: 1, col: 1 }, 'the file', 'invalid-config', { expected: '`key: value` lines' });
  const own = ownModule || isScalar(root.get('module', true));
  const reader: Reader = { file, lines, groups, values: new Map(), ownModule: own, hparams: {} };
  for (const pair of root.items) readPair(reader, pair, undefined);
  return { values: reader.values, hparams: reader.hparams };
}

function readPair(reader: Reader, pair: Pair, section: string | undefined): void {
  const { file, groups } = reader;
  const position = positionOf(reader, pair.key);
  const key = String(isScalar(pair.key) ? pair.key.value : pair.key);
  const name = nameOf(key, section);
  if (section === undefined && isMap(pair.value)) {
    if (groups.some((group) => group.section === name)) {
      readSection(reader, name, pair.value);
      return;
    }
    if (name === 'hparams') {
      reader.hparams = { ...reader.hparams, ...pair.value.toJSON() };
      return;
    }
  }
  const known = optionsOf(groups, section);
  const option = known.get(name);
  if (option === undefined) {
    const names = [...known.keys(), ...(section === undefined ? sectionsOf(groups) : [])];
    const near = nearest(name, names);
    throw at(
      file,
      position,
      `unknown key \`${key}\`${section === undefined ? '' : ` in \`${section}\``}`,
      'unknown-key',
      {
        help: near === undefined ? `known keys: ${names.join(', ')}` : `did you mean \`${near}\`?`,
      },
    );
  }
  const value = toJs(pair.value);
  const wrong = option.repeatable ? '`key: value` lines below it' : problem(option, value);
  if (wrong !== undefined) {
    throw at(file, positionOf(reader, pair.value ?? pair.key), `\`${key}\``, 'invalid-value', {
      expected: wrong,
      got: show(value),
    });
  }
  if (reader.values.has(name)) throw at(file, position, `\`${key}\` is given twice`, 'duplicate-key', {});
  reader.values.set(name, option.schema.parse(value));
}

function readSection(reader: Reader, section: string, map: YAMLMap): void {
  if (section === 'model' && reader.ownModule) {
    reader.hparams = { ...reader.hparams, ...map.toJSON() };
    return;
  }
  for (const pair of map.items) readPair(reader, pair, section);
}

/** In the sections `model` and `data`, `type` says which. */
function nameOf(key: string, section: string | undefined): string {
  const name = camel(key);
  return name === 'type' && (section === 'model' || section === 'data') ? section : name;
}

function optionsOf(groups: readonly OptionGroup[], section: string | undefined): Map<string, OptionSpec> {
  const fitting = section === undefined ? groups : groups.filter((group) => group.section === section);
  return new Map(fitting.flatMap(({ options }) => Object.entries(options)));
}

const sectionsOf = (groups: readonly OptionGroup[]): string[] => [
  ...new Set(groups.flatMap(({ section }) => (section === undefined ? [] : [section]))),
];

const toJs = (node: unknown): unknown => (node as { toJSON?: () => unknown } | null)?.toJSON?.() ?? null;

interface Position {
  readonly line: number;
  readonly col: number;
}

function positionOf({ lines }: Reader, node: unknown): Position {
  return lines.linePos((node as { range?: [number, number, number] } | null)?.range?.[0] ?? 0);
}

function at(
  file: string,
  position: Position | undefined,
  summary: string,
  code: string,
  details: { expected?: string; got?: string; help?: string },
): UsageError {
  const place = position === undefined ? file : `${file}:${position.line}:${position.col}`;
  return new UsageError(`${place}: ${summary}`, { code, ...details });
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new UsageError(`The configuration file ${file} cannot be read`, {
      code: 'config-unreadable',
      got: messageOf(cause),
      cause,
    });
  }
}
