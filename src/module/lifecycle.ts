/** What the trainer does to a module around a run: late configuration, and the modes that evaluation changes. */
import type { LightningModule } from './lightning-module.ts';
import { type ModuleParts, nestedModules } from './module-parts.ts';

/** Notes the mode of a module and of all modules in it. Returns what puts them back. */
export function rememberModes(module: ModuleParts): () => void {
  const { training } = module;
  const nested = nestedModules(module).map(rememberModes);
  return () => {
    if (module.training !== training) module.train(training);
    for (const restore of nested) restore();
  };
}

const configured = new WeakSet<object>();

/** Calls `configureModel`, once in a module's life. */
export async function configureOnce(module: LightningModule<never>): Promise<void> {
  if (configured.has(module)) return;
  await module.configureModel?.();
  configured.add(module);
}
