/** The distillation losses against float64 values and gradients that PyTorch gave. */
import { existsSync, readFileSync } from 'node:fs';
import { losses, startEngine, tf } from 'kelvin';
import { beforeAll, describe, test } from 'vitest';
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
const LOSSES: Record<string, Loss> = {
  kd_forward_kl_meanred: (s, t, _, temperature) => losses.klDivergence(s, t, { temperature, reduction: 'mean' }),
  kd_forward_kl: (s, t, _, temperature) => losses.klDivergence(s, t, { temperature }),
  kd_reverse_kl: (s, t, _, temperature) => losses.reverseKLDivergence(s, t, { temperature }),
  kd_js: (s, t, _, temperature) => losses.jensenShannonDivergence(s, t, { temperature }),
  kd_soft_ce: (s, t, _, temperature) => losses.softCrossEntropy(s, t, { temperature }),
  logit_mse: (s, t) => losses.logitMse(s, t),
  dkd: (s, t, y) => losses.decoupledDistillation(s, t, y),
  dist: (s, t) => losses.correlationDistillation(s, t),
  logit_std_kd: (s, t) => losses.standardizedKLDivergence(s, t),
  mft: (s, t, y) => losses.minifinetuning(s, t, y),
  at: (s, t) => losses.attentionTransfer(s, t),
  sp: (s, t) => losses.similarityPreserving(s, t),
  rkd_distance: (s, t) => losses.relationalDistance(s, t),
  rkd_angle: (s, t) => losses.relationalAngle(s, t),
  pkt: (s, t) => losses.probabilisticTransfer(s, t),
  fitnet_hint: (s, t, _, __, W) =>
    losses.featureMse(
      tf.conv2d(s as tf.Tensor4D, tf.reshape(W, [1, 1, W.shape[0] as number, W.shape[1] as number]), 1, 'valid'),
      t,
    ),
};
const TEACHER = { zs: 'zt', fs_nhwc: 'ft_nhwc', es: 'et' } as const;

describe.skipIf(!golden)('as in PyTorch (needs ../shared/golden/kd_losses.json)', () => {
  const { inputs, losses: records } = golden ?? { inputs: {} as Golden['inputs'], losses: {} };

  test.each(Object.entries(records))('%s', (name, { cfg, wrt, value, grad }) =>
    expectNoLeak(() => {
      const loss = Object.entries(LOSSES).find(([start]) => name.startsWith(start))?.[1];
      if (loss === undefined) throw new Error(`no loss for ${name}`);
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
