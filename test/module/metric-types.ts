/** What must compile and what must not, marked as such: `npm run types` checks it, and nobody runs it. */
import {
  type Callback,
  EarlyStopping,
  LightningModule,
  type MetricsOf,
  ModelCheckpoint,
  RestoreBest,
  Trainer,
  type tf,
} from 'kelvin';
import { expectTypeOf } from 'vitest';
import { BoringModule } from '../support/boring.ts';

interface Batch {
  readonly x: tf.Tensor2D;
  readonly y: tf.Tensor1D;
}

export class Declared extends LightningModule<Batch, 'train_loss' | 'val_acc'> {
  override trainingStep({ x }: Batch): tf.Tensor {
    const loss = x.mean();
    this.log('train_loss', loss);
    // @ts-expect-error: not one of the declared metrics
    this.log('train_los', loss);
    this.logDict({ train_loss: loss, val_acc: 1 });
    // @ts-expect-error: nor this
    this.logDict({ val_ac: 1 });
    return loss;
  }

  override onTrainBatchStart(batch: Batch): void {
    expectTypeOf(batch.x).toEqualTypeOf<tf.Tensor2D>();
  }
}

/** Never called: only the compiler looks at it. */
export async function compiled(declared: Declared, loader: Batch[]): Promise<void> {
  const none = new Trainer();
  await none.fit(declared, loader);

  const right = new Trainer({
    callbacks: [
      new ModelCheckpoint({ monitor: 'val_acc', mode: 'max' }),
      new EarlyStopping({ monitor: 'train_loss_epoch' }),
      new RestoreBest({ monitor: 'val_acc/dataloader_idx_1' }),
      new ModelCheckpoint(),
      { onTrainEnd() {} },
    ],
  });
  await right.fit(declared, { train: loader, val: loader });

  const wrong = new Trainer({ callbacks: [new ModelCheckpoint(), new ModelCheckpoint({ monitor: 'val_ac' })] });
  // @ts-expect-error: the module does not declare 'val_ac'
  await wrong.fit(declared, { train: loader });
  // @ts-expect-error: also as loaders in a row
  await wrong.fit(declared, loader, loader);

  const single = new Trainer({ callbacks: new EarlyStopping({ monitor: 'val_loss' }) });
  // @ts-expect-error: a single callback is checked as well
  await single.fit(declared, loader);
  await single.fit(new BoringModule(), [], []); // a module that declares nothing is not checked

  // @ts-expect-error: a loader of other batches
  await none.fit(declared, [{ x: 1 }]);

  const name: string = `val_${declared.currentEpoch}`;
  await new Trainer({ callbacks: [new EarlyStopping({ monitor: name })] }).fit(declared, loader);
  const anything: Callback[] = [new EarlyStopping({ monitor: 'val_ac' })];
  await new Trainer({ callbacks: anything }).fit(declared, loader); // nor is what has no literal name

  new ModelCheckpoint<MetricsOf<Declared>>({ monitor: 'val_acc' });
  // @ts-expect-error: checked where it is made
  new ModelCheckpoint<MetricsOf<Declared>>({ monitor: 'val_ac' });

  const plain: Trainer = wrong; // a trainer is a trainer
  const checkpoint: ModelCheckpoint = new ModelCheckpoint({ monitor: 'val_acc' });
  const module: LightningModule<Batch> = declared;
  await plain.fit(module, loader);
  void checkpoint;
}
