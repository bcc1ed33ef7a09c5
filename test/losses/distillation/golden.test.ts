/** The distillation losses against float64 values and gradients that PyTorch gave. */
import { existsSync, readFileSync } from 'node:fs';
import { losses, startEngine, tf } from 'kelvin';
import { beforeAll, describe, expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../../support/no-leak.ts';
import { expectNear } from '../support.ts';

assertFileLeaksNothing();
beforeAll(() => startEngine({ engine: 'wasm' }));

const goldenFile = new URL('../../../../shared/golden/kd_losses.json', import.meta.url);
type Nested = number | readonly Nested[];
interface Golden {
  inputs: Record<'zs' | 'zt' | 'y' | 'fs_nhwc' | 'ft_nhwc' | 'es' | 'et' | 'W', Nested>;
  losses: Record<string, { cfg: { T?: number }; wrt: 'zs' | 'fs_nhwc' | 'es'; value: number; grad: number[] }>;
}
const golden = existsSync(goldenFile) ? (JSON.parse(readFileSync(goldenFile, 'utf8')) as Golden) : undefined;

type Loss = (student: tf.Tensor, teacher: tf.Tensor, labels: tf.Tensor, T: number, W: tf.Tensor) => tf.Tensor;
const kl: Loss = (s, t, _, temperature) => losses.klDivergence(s, t, { temperature });
const meanKl: Loss = (s, t, _, temperature) => losses.klDivergence(s, t, { temperature, reduction: 'mean' });
const reverseKl: Loss = (s, t, _, temperature) => losses.reverseKLDivergence(s, t, { temperature });
const jensenShannon: Loss = (s, t, _, temperature) => losses.jensenShannonDivergence(s, t, { temperature });
const softCe: Loss = (s, t, _, temperature) => losses.softCrossEntropy(s, t, { temperature });

/** A case for each record of the file, by its whole name. */
const LOSSES: Record<string, Loss> = {
  kd_forward_kl_T1: kl,
  kd_forward_kl_T4: kl,
  kd_forward_kl_meanred_T1: meanKl,
  kd_forward_kl_meanred_T4: meanKl,
  kd_forward_kl_meanred_T20: meanKl,
  kd_reverse_kl_T1: reverseKl,
  kd_reverse_kl_T20: reverseKl,
  kd_js_T1: jensenShannon,
  kd_js_T4: jensenShannon,
  kd_soft_ce_T1: softCe,
  kd_soft_ce_T4: softCe,
  logit_mse: (s, t) => losses.logitMse(s, t),
  dkd_a1_b8_T4: (s, t, y) => losses.decoupledDistillation(s, t, y, { alpha: 1, beta: 8, temperature: 4 }),
  dist_b1_g1_T1: (s, t) => losses.correlationDistillation(s, t, { beta: 1, gamma: 1, temperature: 1 }),
  logit_std_kd_T2: (s, t) => losses.standardizedKLDivergence(s, t, { temperature: 2 }),
  'mft_T1_th0.2': (s, t, y) => losses.minifinetuning(s, t, y, { temperature: 1, threshold: 0.2 }),
  at_p2_mean: (s, t) => losses.attentionTransfer(s, t),
  sp: (s, t) => losses.similarityPreserving(s, t),
  rkd_distance: (s, t) => losses.relationalDistance(s, t),
  rkd_angle: (s, t) => losses.relationalAngle(s, t),
  pkt: (s, t) => losses.probabilisticTransfer(s, t),
  fitnet_hint_1x1: (s, t, _, __, W) =>
    losses.featureMse(
      tf.conv2d(s as tf.Tensor4D, tf.reshape(W, [1, 1, W.shape[0] as number, W.shape[1] as number]), 1, 'valid'),
      t,
    ),
};
const TEACHER = { zs: 'zt', fs_nhwc: 'ft_nhwc', es: 'et' } as const;

describe.skipIf(!golden)('as in PyTorch (needs ../shared/golden/kd_losses.json)', () => {
  const { inputs, losses: records } = golden ?? { inputs: {} as Golden['inputs'], losses: {} };

  test('every record of the file has a case, and every case a record', () => {
    expect(Object.keys(records).sort()).toEqual(Object.keys(LOSSES).sort());
  });

  test.each([
    ['dkd_a1_b8_T4', (s, t, y) => losses.decoupledDistillation(s, t, y)],
    ['dist_b1_g1_T1', (s, t) => losses.correlationDistillation(s, t)],
    ['logit_std_kd_T2', (s, t) => losses.standardizedKLDivergence(s, t)],
    ['mft_T1_th0.2', (s, t, y) => losses.minifinetuning(s, t, y)],
    ['kd_forward_kl_T1', (s, t) => losses.klDivergence(s, t)],
  ] as [string, Loss][])('%s is what the defaults give', (name, loss) =>
    tf.tidy(() => {
      const [s, t, y] = [
        tf.tensor2d(inputs.zs as never),
        tf.tensor2d(inputs.zt as never),
        tf.tensor1d(inputs.y as never),
      ];
      const value = loss(s, t, tf.cast(y, 'int32'), 1, s).dataSync()[0] as number;
      expect(value / (records[name]?.value as number)).toBeCloseTo(1, 5);
    }),
  );

  test.each(Object.entries(records))('%s', (name, { cfg, wrt, value, grad }) =>
    expectNoLeak(() => {
      const loss = LOSSES[name] as Loss;
      tf.tidy(() => {
        const [student, teacher] = [tf.tensor(inputs[wrt] as number[]), tf.tensor(inputs[TEACHER[wrt]] as number[])];
        const [labels, W] = [tf.tensor1d(inputs.y as number[], 'int32'), tf.tensor(inputs.W as number[])];
        const found = tf.valueAndGrad((x: tf.Tensor) => loss(x, teacher, labels, cfg.T ?? 1, W))(student);
        const largest = Math.max(...grad.map(Math.abs)); // relative: some gradients are all small
        const scaled = (values: Iterable<number>, by: number) => [...values].map((each) => each / by);
        expectNear(scaled(found.value.dataSync(), value), [1], 1e-5);
        expectNear(scaled(found.grad.dataSync(), largest), scaled(grad, largest), 1e-5);
      });
    }),
  );
});
