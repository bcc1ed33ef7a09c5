/** Trains the head of a network first and its pretrained backbone later, more slowly. */
import { z } from 'zod';
import type { Callback, Checkpoint, JsonObject, ModuleView, RunStage, TrainerView } from '../core/contracts.ts';
import { ConfigError, show } from '../core/errors.ts';
import { anyThat, flag, parseOptions, positiveNumber, text } from '../core/options.ts';
import type * as tf from '../core/tf.ts';
import { type EpochCount, epochsOf, isEpochCount } from '../core/training-time.ts';
import { type LayerLike, layersOf } from './layers-of.ts';

/** Options of {@link BackboneFinetuning}. */
export interface BackboneFinetuningOptions {
  /** The module's field with the backbone: a tfjs model or layer, a module, or a list of those. Default `'backbone'`. */
  backbone?: string | undefined;
  /** The epoch, counted from 0, at whose start the backbone is unfrozen: `5`, `'5ep'`, `'0.25dur'`. Default 10. */
  unfreezeBackboneAtEpoch?: EpochCount | undefined;
  /** What the backbone's learning rate is multiplied by at the start of each later epoch. Default: 2. */
  lambda?: ((epoch: number) => number) | undefined;
  /** The backbone's first learning rate. Default: that of the first parameter group, times `initialRatio`. */
  initialLr?: number | undefined;
  /** The part of the first group's rate that the backbone begins with. Default 0.1. */
  initialRatio?: number | undefined;
  /** Hold the backbone's rate to that of the first group once it has got there. Default `true`. */
  shouldAlign?: boolean | undefined;
  /** Train the batch norm layers of the backbone from the start. Default `true`. */
  trainBatchNorm?: boolean | undefined;
}

const schema = z.strictObject({
  backbone: text('the name of a field').default('backbone'),
  unfreezeBackboneAtEpoch: anyThat<EpochCount>(
    "an epoch, such as 5 or '5ep', or a part of the training, '0.25dur'",
    (value) => isEpochCount(value, 0),
  ).default(10),
  lambda: anyThat<(epoch: number) => number>('a function', (value) => typeof value === 'function').optional(),
  initialLr: positiveNumber().optional(),
  initialRatio: positiveNumber().default(0.1),
  shouldAlign: flag().default(true),
  trainBatchNorm: flag().default(true),
});

/**
 * Freezes the module's backbone before the optimizer is made, and unfreezes it at an epoch: its parameters then become
 * a further parameter group with a learning rate of its own, which grows from epoch to epoch.
 *
 * The optimizer has to be one of Kelvin's own; `configureOptimizers` passes it `this.parameters()`, which leaves out what
 * is frozen.
 *
 * @throws ConfigError `missing-backbone` when there are no layers in the field
 *
 * @example
 * ```ts
 * new BackboneFinetuning({ unfreezeBackboneAtEpoch: 5, lambda: () => 1.5 })   // for `this.backbone` of the module
 * ```
 */
export class BackboneFinetuning implements Callback {
  readonly #options: z.output<typeof schema>;
  /** The backbone's rate of the running epoch; `undefined` while it is frozen. */
  #lr: number | undefined;
  #resumesUnfrozen = false;

  constructor(options: BackboneFinetuningOptions = {}) {
    this.#options = parseOptions('BackboneFinetuning', schema, options);
  }

  setup(trainer: TrainerView, module: ModuleView, stage: RunStage): void {
    if (stage !== 'fit') return;
    this.#resumesUnfrozen = false;
    if (trainer.currentEpoch >= this.#firstEpoch(trainer) && trainer.globalStep > 0) return;
    this.#lr = undefined;
    const { trainBatchNorm } = this.#options;
    const isTrained = (layer: LayerLike): boolean => trainBatchNorm && layer.getClassName() === 'BatchNormalization';
    // A model passes its flag on to the weights in it, at once and again at its first call: it is frozen only as a whole.
    for (const layer of this.#layers(module)) layer.trainable = [...layersOf(layer)].some(isTrained);
  }

  onLoadCheckpoint(trainer: TrainerView, _module: ModuleView, { state }: Checkpoint): void {
    const callbacks = state.callbacks as Readonly<Record<string, JsonObject>> | undefined;
    const lr = callbacks?.[BackboneFinetuning.name]?.lr;
    this.#resumesUnfrozen = trainer.stage === 'fit' && typeof lr === 'number';
  }

  onFitStart(trainer: TrainerView, module: ModuleView): void {
    // The optimizer's saved state, which is put back after this, has the backbone's group.
    if (this.#resumesUnfrozen) this.#unfreeze(trainer, module);
  }

  onTrainEpochStart(trainer: TrainerView, module: ModuleView): void {
    if (trainer.currentEpoch < this.#firstEpoch(trainer)) return;
    if (this.#lr === undefined) this.#unfreeze(trainer, module);
    else this.#advance(trainer, module);
  }

  stateDict(): JsonObject {
    return { lr: this.#lr ?? null };
  }

  loadStateDict(state: JsonObject): void {
    this.#lr = (state.lr as number | null) ?? undefined;
  }

  #unfreeze(trainer: TrainerView, module: ModuleView): void {
    const layers = this.#layers(module);
    for (const layer of layers) layer.trainable = true;
    const trained = new Set(groupsOf(trainer).flatMap(({ params }) => [...params]));
    const parameters = new Set(module.parameters());
    const added = weightsOf(layers).filter((weight) => parameters.has(weight) && !trained.has(weight));
    const { initialLr, initialRatio } = this.#options;
    this.#lr = initialLr ?? headLr(trainer) * initialRatio;
    if (added.length > 0) trainer.tools.addParamGroup({ params: added, lr: this.#lr });
  }

  #advance(trainer: TrainerView, module: ModuleView): void {
    const { lambda = () => 2, shouldAlign } = this.#options;
    const raised = (this.#lr as number) * lambda(trainer.currentEpoch);
    this.#lr = shouldAlign ? Math.min(raised, headLr(trainer)) : raised;
    const own = new Set(weightsOf(this.#layers(module)));
    const [, ...others] = groupsOf(trainer);
    for (const group of others) if (group.params.every((param) => own.has(param))) group.lr = this.#lr;
  }

  #firstEpoch({ maxEpochs }: TrainerView): number {
    const option = 'BackboneFinetuning: option `unfreezeBackboneAtEpoch`';
    return epochsOf(this.#options.unfreezeBackboneAtEpoch, maxEpochs, option);
  }

  #layers(module: ModuleView): readonly LayerLike[] {
    const { backbone } = this.#options;
    const field = (module as unknown as Readonly<Record<string, unknown>>)[backbone];
    const layers = [...layersOf(field)];
    if (layers.length > 0) return layers;
    throw new ConfigError(`BackboneFinetuning: the field \`${backbone}\` of ${module.constructor.name}`, {
      code: 'missing-backbone',
      expected: 'a tfjs model or layer, a module, or a list of those',
      got: show(field),
      help: 'name the field with the option `backbone`, and build it in the constructor',
    });
  }
}

const groupsOf = ({ optimizers }: TrainerView) => optimizers.flatMap(({ paramGroups }) => [...paramGroups]);

const headLr = (trainer: TrainerView): number => groupsOf(trainer)[0]?.lr ?? 0;

function weightsOf(layers: readonly LayerLike[]): tf.Variable[] {
  return [...new Set(layers.flatMap(({ weights }) => weights.map(({ val }) => val)))];
}
