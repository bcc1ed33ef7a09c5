/** What a fit with a mistake in it says. */
import { Trainer, type TrainerOptions } from 'kelvin';
import { BoringModule, bare, boringLoader } from './boring.ts';
import { messageFrom } from './messages.ts';
import { expectNoLeak } from './no-leak.ts';

/** The text of what a fit of a changed module throws. Nothing must be left behind. */
export const mistake = (
  changes: object,
  options: TrainerOptions = {},
  train: unknown = boringLoader(2),
  val?: unknown,
): Promise<string> =>
  expectNoLeak(async () => {
    const module = Object.assign(new BoringModule(), changes);
    const text = await messageFrom(() =>
      new Trainer({ ...bare, maxEpochs: 2, ...options }).fit(module, train as never, val as never),
    );
    module.dispose();
    return text.replaceAll(/dense_Dense\d+/g, 'dense_DenseN');
  });
