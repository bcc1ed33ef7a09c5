/** What must compile and what must not: metrics of the built-in modules and of callbacks, and batches in hooks. Nobody runs it. */
import {
  type Callback,
  type ClassifierMetric,
  type DistillationModule,
  EarlyStopping,
  EpochMetricLogger,
  every,
  GradientNormMonitor,
  type ImageBatch,
  ImageClassificationModel,
  LambdaCallback,
  type LightningModule,
  type MetricsOf,
  ModelCheckpoint,
  metrics,
  RestoreBest,
  TeacherAgreement,
  TemperatureCallback,
  ThroughputMonitor,
  Trainer,
  type TrainerView,
  tf,
  WeightCallback,
} from 'kelvin';
import { expectTypeOf } from 'vitest';

class Graded extends ImageClassificationModel<'val_kappa'> {
  override onValidationEpochEnd(): void {
    this.log('val_kappa', 1);
    // @ts-expect-error: neither the classifier's nor its own
    this.log('val_kapa', 1);
  }
}

/** Never called: only the compiler looks at it. */
export async function builtIn(model: ImageClassificationModel, student: DistillationModule, graded: Graded) {
  const loaders: { train: ImageBatch[] } = { train: [] };
  const right = new Trainer({
    callbacks: [
      new ModelCheckpoint({ monitor: 'val_acc', mode: 'max' }),
      new EarlyStopping({ monitor: 'train_loss_epoch' }),
      new RestoreBest({ monitor: 'val_loss/dataloader_idx_1' }),
    ],
  });
  await right.fit(model, loaders);
  await right.fit(student, loaders);
  await right.fit(graded, loaders);

  const wrong = new Trainer({ callbacks: [new ModelCheckpoint({ monitor: 'val_ac' })] });
  // @ts-expect-error: the classifier logs no 'val_ac'
  await wrong.fit(model, loaders);
  // @ts-expect-error: nor does a student
  await wrong.fit(student, loaders);
  // @ts-expect-error: also in a dry run
  await wrong.check(model, loaders);

  const ofStudent = new Trainer({ callbacks: new EarlyStopping({ monitor: 'train_kd_loss' }) });
  await ofStudent.fit(student, loaders);
  // @ts-expect-error: the classifier has no teacher
  await ofStudent.fit(model, loaders);

  expectTypeOf<MetricsOf<ImageClassificationModel>>().toEqualTypeOf<ClassifierMetric>();
  expectTypeOf<MetricsOf<Graded>>().toEqualTypeOf<ClassifierMetric | 'val_kappa'>();
  expectTypeOf<MetricsOf<DistillationModule>>().toEqualTypeOf<ClassifierMetric | 'train_ce_loss' | 'train_kd_loss'>();
  const models: ImageClassificationModel[] = [model, student, graded]; // a subclass is one whatever else it logs
  const plain: LightningModule<ImageBatch> = student;
  void [models, plain];
}

/** Never called. */
export async function loggedByCallbacks(model: ImageClassificationModel, data: ImageBatch[]): Promise<void> {
  const kappa = new EpochMetricLogger({ kappa: new metrics.QuadraticWeightedKappa(5) });
  await new Trainer({ callbacks: [kappa, new EarlyStopping({ monitor: 'val_kappa' })] }).fit(model, data);
  await new Trainer({ callbacks: [kappa, new EarlyStopping({ monitor: 'val_kappa/0' })] }).fit(model, data);
  // @ts-expect-error: a name that neither has
  await new Trainer({ callbacks: [kappa, new EarlyStopping({ monitor: 'val_kapa' })] }).fit(model, data);
  const others = new Trainer({
    callbacks: [
      new GradientNormMonitor(),
      new GradientNormMonitor({ prefix: 'norms' }),
      new ThroughputMonitor(),
      new TeacherAgreement({ metric: 'agreement' }),
      new TemperatureCallback(() => 1),
      new WeightCallback(() => 1),
      { metricNames: ['mine'], onTrainEpochEnd: (_trainer, module) => module.log('mine', 1) },
      new LambdaCallback({ metricNames: ['speed'], onTrainEpochEnd: (_trainer, module) => module.log('speed', 1) }),
      new EarlyStopping({ monitor: 'grad_norm/net.0' }),
      new EarlyStopping({ monitor: 'norms/total' }),
      new EarlyStopping({ monitor: 'throughput/samples_per_sec' }),
      new EarlyStopping({ monitor: 'agreement' }),
      new EarlyStopping({ monitor: 'temperature' }),
      new EarlyStopping({ monitor: 'kd_weight' }),
      new EarlyStopping({ monitor: 'mine' }),
      new EarlyStopping({ monitor: 'speed' }),
    ],
  });
  await others.fit(model, data);
  const wrong = new Trainer({
    callbacks: [new GradientNormMonitor(), new EarlyStopping({ monitor: 'gradnorm/total' })],
  });
  // @ts-expect-error: another prefix
  await wrong.fit(model, data);
  const unknown: Callback = {};
  await new Trainer({ callbacks: [unknown, new EarlyStopping({ monitor: 'its' })] }).fit(model, data); // it may log anything
}

/** A callback for batches of images, without a cast. */
export class Shapes implements Callback<ImageBatch, ImageClassificationModel> {
  onTrainBatchStart(_trainer: TrainerView, module: ImageClassificationModel, { x }: ImageBatch): void {
    expectTypeOf(x).toEqualTypeOf<tf.Tensor>();
    expectTypeOf(module.classes).toEqualTypeOf<number>();
  }
  onValidationBatchEnd(
    _trainer: TrainerView,
    _module: unknown,
    outputs: { logits: tf.Tensor },
    batch: ImageBatch,
  ): void {
    tf.dispose([outputs.logits, batch.y]);
  }
}

/** Never called. */
export function batches(): void {
  const written: Callback<ImageBatch> = {
    onTrainBatchEnd(_trainer, module, outputs, batch, batchIdx) {
      expectTypeOf(batch).toEqualTypeOf<ImageBatch>();
      expectTypeOf(batchIdx).toEqualTypeOf<number>();
      module.log('size', batch.x.size);
      outputs.loss?.print();
    },
    // @ts-expect-error: the batch has no such field
    onTestBatchStart: (_trainer, _module, batch) => void batch.image,
  };
  const lambda = new LambdaCallback<ImageBatch>({ onPredictBatchStart: (_trainer, _module, { x }) => void x.shape });
  const tenth = every(10, 'trainBatchEnd', (_trainer, _module, _outputs, batch: ImageBatch) => void batch.x);
  const trainer = new Trainer({ callbacks: [written, lambda, tenth, new Shapes()] });
  trainer.on('trainBatchStart', (batch: ImageBatch) => void batch.y);
  // @ts-expect-error: a batch is no index
  trainer.on('trainBatchStart', (batch: ImageBatch, batchIdx: string) => void [batch, batchIdx]);
}
