/** The user's own module: a file whose default export is a LightningModule class, or a function that makes a module. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parse } from 'yaml';
import { ConfigError, show } from '../core/errors.ts';
import { LightningDataModule } from '../module/data-module.ts';
import { LightningModule } from '../module/lightning-module.ts';
import { UsageError } from './exit.ts';

/** What a module file gives. */
export interface ModuleFile {
  /** Makes the module. */
  make(hparams: Readonly<Record<string, unknown>>): Promise<LightningModule<never>>;
  /** Its own data, when it exports a `datamodule`. */
  readonly datamodule: LightningDataModule | undefined;
}

type Constructor = new (hparams: Readonly<Record<string, unknown>>) => LightningModule<never>;
type Factory = (hparams: Readonly<Record<string, unknown>>) => unknown;

/** Loads a module file. @throws UsageError, ConfigError saying what the file lacks */
export async function loadModuleFile(file: string): Promise<ModuleFile> {
  const path = resolve(file);
  if (!existsSync(path)) throw new UsageError(`--module: there is no file ${file}`, { code: 'module-not-found' });
  const { default: exported, datamodule } = await importFile(path, file);
  if (typeof exported !== 'function') {
    throw new ConfigError(`${file}: the default export`, {
      code: 'invalid-module',
      expected: 'a class that extends LightningModule, or a function that makes one',
      got: show(exported),
    });
  }
  return {
    make: async (hparams) =>
      checked(file, isModuleClass(exported) ? new exported(hparams) : await (exported as Factory)(hparams)),
    datamodule: datamodule === undefined ? undefined : checkedData(file, datamodule),
  };
}

/** `['lr=0.1', 'hidden=[32, 32]']` as an object; the values are YAML. @throws UsageError */
export function parseHparams(given: readonly string[] = []): Record<string, unknown> {
  const entries = given.map((text) => {
    const sign = text.indexOf('=');
    if (sign < 1) {
      throw new UsageError('--hparams', {
        code: 'invalid-hparams',
        expected: '<key=value>, such as lr=0.01',
        got: show(text),
      });
    }
    return [text.slice(0, sign), parse(text.slice(sign + 1)) as unknown] as const;
  });
  return Object.fromEntries(entries);
}

async function importFile(path: string, file: string): Promise<{ default?: unknown; datamodule?: unknown }> {
  try {
    return (await import(/* @vite-ignore */ pathToFileURL(path).href)) as { default?: unknown };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_UNKNOWN_FILE_EXTENSION') throw cause;
    throw new ConfigError(`--module ${file} cannot be loaded by Node ${process.versions.node}`, {
      code: 'typescript-not-supported',
      expected: 'a JavaScript file, or Node 22.18 or newer, which runs TypeScript by itself',
      help: 'compile it with tsc, or update Node',
      cause,
    });
  }
}

const isModuleClass = (exported: object): exported is Constructor =>
  (exported as { prototype?: unknown }).prototype instanceof LightningModule;

function checked(file: string, made: unknown): LightningModule<never> {
  if (made instanceof LightningModule) return made;
  throw new ConfigError(`${file}: the default export`, {
    code: 'invalid-module',
    expected: 'a LightningModule',
    got: show(made),
    help: 'if it does extend LightningModule, there are two copies of kelvin: `npm ls kelvin` shows them',
  });
}

function checkedData(file: string, exported: unknown): LightningDataModule {
  if (exported instanceof LightningDataModule) return exported;
  throw new ConfigError(`${file}: the export \`datamodule\``, {
    code: 'invalid-datamodule',
    expected: 'a LightningDataModule',
    got: show(exported),
  });
}
