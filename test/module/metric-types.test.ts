/** Metric names as the compiler sees them; the calls that must not compile are in metric-types.ts. */
import { EarlyStopping, type MetricsOf, ModelCheckpoint, type MonitorOf, RestoreBest } from 'kelvin';
import { expect, expectTypeOf, test } from 'vitest';
import type { BoringModule } from '../support/boring.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { Declared } from './metric-types.ts';

assertFileLeaksNothing();

test('by type: metrics, the names that can be watched of them, and monitors', () => {
  expectTypeOf<MetricsOf<Declared>>().toEqualTypeOf<'train_loss' | 'val_acc'>();
  expectTypeOf<MetricsOf<BoringModule>>().toEqualTypeOf<string>();
  expectTypeOf<'a_step' | 'a' | 'a/dataloader_idx_0'>().toExtend<MonitorOf<'a'>>();
  expectTypeOf(new EarlyStopping({ monitor: 'val_loss' }).monitor).toEqualTypeOf<'val_loss'>();
  expectTypeOf(new ModelCheckpoint({ monitor: 'val_acc' }).monitor).toEqualTypeOf<'val_acc' | undefined>();
});

test('at run time the declaration is nothing, and callbacks tell what they watch', () => {
  expect(Object.keys(new Declared())).not.toContain('~metrics');
  expect(new EarlyStopping({ monitor: 'val_loss' }).monitor).toBe('val_loss');
  expect(new RestoreBest({ monitor: 'val_loss' }).monitor).toBe('val_loss');
  expect([new ModelCheckpoint().monitor, new ModelCheckpoint({ monitor: 'a' }).monitor]).toEqual([undefined, 'a']);
});
