/** Turns a description of a command into a commander command: options in groups, values checked, files merged in. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Config, readConfig } from './config.ts';
import type { ExitCode } from './exit.ts';
import type { Io } from './io.ts';
import { kebab, type OptionGroup, type OptionSpec, problem, type SettingsOf } from './option.ts';
import { ALL_GROUPS, GENERAL } from './options.ts';

/** What a command gets besides its settings. */
export interface Context {
  readonly io: Io;
  /** The options that were given, on the command line or in the file. */
  readonly given: ReadonlySet<string>;
  /** Hyper-parameters of the user's own module, as the configuration file gives them. */
  readonly hparams: Readonly<Record<string, unknown>>;
}

/** A command: what it is called and takes, and what it does. */
export interface CommandSpec<G extends readonly OptionGroup[]> {
  readonly name: string;
  readonly about: string;
  /** The option that can be given without its name, as the only argument. */
  readonly argument?: string | undefined;
  readonly groups: G;
  /** Defaults that differ from the options' own. */
  readonly defaults?: Partial<SettingsOf<G>>;
  readonly examples: readonly string[];
  readonly run: (settings: SettingsOf<G>, context: Context) => Promise<ExitCode>;
}

/** Builds the command. `onExit` gets its exit code. */
export function buildCommand<const G extends readonly OptionGroup[]>(
  spec: CommandSpec<G>,
  io: Io,
  onExit: (code: ExitCode) => void,
): Command {
  const command = new Command(spec.name).description(spec.about);
  if (spec.argument !== undefined) command.argument(`[${spec.argument}]`, `the same as --${kebab(spec.argument)}`);
  const defaults = (spec.defaults ?? {}) as Readonly<Record<string, unknown>>;
  for (const { title, options } of spec.groups) {
    for (const [name, option] of Object.entries(options)) {
      command.addOption(commanderOption(name, option, defaults[name]).helpGroup(title));
    }
  }
  command
    .addOption(
      new Option('--config <file>', 'YAML file with these options; the command line goes before it').helpGroup(
        'General options:',
      ),
    )
    .addOption(new Option('--debug', 'show where errors come from (also KELVIN_DEBUG=1)').helpGroup(GENERAL.title))
    .addHelpOption(new Option('-h, --help', 'show this help').helpGroup(GENERAL.title))
    .addHelpText('after', `\nExamples:\n${spec.examples.map((line) => `  $ ${line}`).join('\n')}`)
    .allowExcessArguments(false)
    .action(async () => {
      const [argument] = command.args;
      if (spec.argument !== undefined && argument !== undefined)
        command.setOptionValueWithSource(spec.argument, argument, 'cli');
      const { settings, given, hparams } = merge(command, spec.groups);
      onExit(await spec.run(settings as SettingsOf<G>, { io, given, hparams }));
    });
  return command;
}

function commanderOption(name: string, option: OptionSpec, otherDefault: unknown): Option {
  const long = kebab(name);
  if (option.negated) return new Option(`--no-${long}`, option.about);
  const { about, defaultText } = option;
  const made = new Option(
    option.value === '' ? `--${long}` : `--${long} ${option.value}`,
    defaultText === undefined ? about : `${about} (default: ${defaultText})`,
  );
  const value = otherDefault ?? option.default;
  if (value !== undefined && value !== false)
    made.default(value, Array.isArray(value) ? value.join(',') : String(value));
  if (option.value === '') return made;
  return made.argParser((text: string, before: unknown) => {
    const wrong = problem(option, option.read(text));
    if (wrong !== undefined) throw new InvalidArgumentError(`Expected ${wrong}.`);
    const read = option.schema.parse(option.read(text));
    return option.repeatable ? [...(Array.isArray(before) ? before : []), read] : read;
  });
}

interface Merged {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly given: ReadonlySet<string>;
  readonly hparams: Readonly<Record<string, unknown>>;
}

/** Defaults, then the file, then the command line. Keys of the file that belong to other commands are left to those. */
function merge(command: Command, groups: readonly OptionGroup[]): Merged {
  const typed: Readonly<Record<string, unknown>> = command.opts();
  const given = new Set(Object.keys(typed).filter((name) => command.getOptionValueSource(name) === 'cli'));
  const config = configOf(typed);
  const settings: Record<string, unknown> = {};
  for (const [name, option] of groups.flatMap(({ options }) => Object.entries(options))) {
    const fromFile = !given.has(name) && config.values.has(name);
    if (fromFile) given.add(name);
    settings[name] = fromFile ? config.values.get(name) : (typed[name] ?? option.default);
  }
  return { settings, given, hparams: config.hparams };
}

function configOf(typed: Readonly<Record<string, unknown>>): Config {
  if (typeof typed.config !== 'string') return { values: new Map(), hparams: {} };
  return readConfig(typed.config, ALL_GROUPS, { ownModule: typed.module !== undefined });
}
