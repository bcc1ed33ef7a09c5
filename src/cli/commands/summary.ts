/** `kelvin summary`: the parts of a model and their parameters. */
import { summarize } from '../../callbacks/summary-table.ts';
import { readCheckpoint } from '../../checkpoint/store.ts';
import type { ModuleView } from '../../core/contracts.ts';
import type { Context } from '../command.ts';
import { EXIT, type ExitCode, UsageError } from '../exit.ts';
import { say } from '../io.ts';
import { buildClassifier, savedSettings } from '../model.ts';
import { loadModuleFile, parseHparams } from '../module-file.ts';
import type { GeneralSettings, ModelSettings, ModuleSettings, SummarySettings } from '../settings.ts';
import { prepared } from '../setup.ts';

type Settings = SummarySettings & ModelSettings & ModuleSettings & GeneralSettings;

/** Prints the summary. */
export function summary(settings: Settings, context: Context): Promise<ExitCode> {
  return prepared(settings, async () => {
    const module = await makeModule(settings, context);
    try {
      say(context.io, summarize(module, { maxDepth: settings.depth }));
      return EXIT.done;
    } finally {
      module.dispose();
    }
  });
}

async function makeModule(settings: Settings, context: Context): Promise<ModuleView & { dispose(): void }> {
  const { module: file, ckpt, inputs, classes, hparams } = settings;
  if (file !== undefined) {
    const { make } = await loadModuleFile(file);
    const module = await make({ ...context.hparams, ...parseHparams(hparams) });
    await module.configureModel?.();
    return module;
  }
  if (ckpt !== undefined) {
    const saved = savedSettings(ckpt, await readCheckpoint(ckpt));
    return buildClassifier(saved.settings, saved.interface);
  }
  if (inputs.length !== 3) {
    throw new UsageError('--inputs', { code: 'invalid-inputs', expected: 'height,width,channels', got: inputs.join() });
  }
  return buildClassifier(settings, { shape: inputs, classes });
}
