/** Hears the forward pass of a module that knows nothing of distillation. */
import { ConfigError } from '../../core/errors.ts';
import * as tf from '../../core/tf.ts';
import { keepCopy } from './capture.ts';
import { replaceMethod } from './replace-method.ts';

/** A module whose forward pass can be listened to. */
export interface ModuleWithForward {
  forward?(...inputs: never[]): unknown;
}

/** Hears what a module's `forward` is given and gives, until it is closed. */
export function listen(module: ModuleWithForward): { heard(): { input: tf.Tensor; output: tf.Tensor }; close(): void } {
  let kept: { input: tf.Tensor; output: tf.Tensor } | undefined;
  const restore = replaceMethod(
    module,
    'forward',
    (original: ((...inputs: unknown[]) => unknown) | undefined) =>
      function (this: unknown, ...inputs) {
        const output = original?.apply(this, inputs);
        if (kept === undefined && inputs[0] instanceof tf.Tensor && output instanceof tf.Tensor) {
          kept = { input: keepCopy(inputs[0]), output: keepCopy(output) };
        }
        return output;
      },
  );
  return {
    heard: () => {
      if (kept === undefined) throw noForward();
      return kept;
    },
    close: () => {
      restore();
      if (kept !== undefined) tf.dispose([kept.input, kept.output]);
    },
  };
}

/** For a loss that is asked for before there is anything to compare. */
export function noForward(): ConfigError {
  return new ConfigError('The distillation has seen no forward pass of the student', {
    code: 'no-forward',
    expected: 'a training step that calls `this.forward(x)` with a tensor and gets one back',
    help: 'call `computeKdLoss` in the same training step, after the forward pass',
  });
}
