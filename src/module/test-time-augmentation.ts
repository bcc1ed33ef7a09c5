/** Test-time augmentation: an image is shown in several ways, and the answers are averaged. */
import { ConfigError, show } from '../core/errors.ts';
import * as tf from '../core/tf.ts';
import { VIEW_KINDS, type ViewKind } from './view-kinds.ts';

/** Ways to show images `[batch, height, width, channels]`; those by a quarter turn are for squares. */
const VIEWS = {
  identity: (x) => tf.clone(x),
  flipHorizontal: (x) => tf.reverse(x, 2),
  flipVertical: (x) => tf.reverse(x, 1),
  rotate90: (x) => tf.reverse(tf.transpose(x, [0, 2, 1, 3]), 1),
  rotate180: (x) => tf.reverse(x, [1, 2]),
  rotate270: (x) => tf.reverse(tf.transpose(x, [0, 2, 1, 3]), 2),
} as const satisfies Readonly<Record<ViewKind, (x: tf.Tensor4D) => tf.Tensor4D>>;

/** A way to show a batch of images: by name, or a function of `[batch, height, width, channels]`. */
export type ImageView = ViewKind | ((x: tf.Tensor4D) => tf.Tensor4D);

/**
 * Averages class probabilities over several views of each image.
 *
 * @param forward from images to logits `[batch, classes]`
 * @param views at least one; rotations are anticlockwise
 * @returns a function from images to probabilities `[batch, classes]`, which the caller owns
 * @throws ConfigError `invalid-option`
 * @example
 * ```ts
 * const classify = testTimeAugmentation((x) => model.forward(x), ['identity', 'flipHorizontal']);
 * const probabilities = classify(images);
 * ```
 */
export function testTimeAugmentation(
  forward: (x: tf.Tensor4D) => tf.Tensor,
  views: readonly ImageView[],
): (x: tf.Tensor4D) => tf.Tensor2D {
  const shown = views.map((view) => (typeof view === 'function' ? view : VIEWS[view]));
  if (shown.length === 0 || shown.includes(undefined as never)) {
    throw new ConfigError('testTimeAugmentation: `views`', {
      code: 'invalid-option',
      expected: `at least one of ${VIEW_KINDS.join(', ')}, or functions`,
      got: show(views),
    });
  }
  return (x) =>
    tf.tidy(() => {
      const answers = shown.map((view) => tf.softmax(forward(view(x))));
      return tf.div(tf.addN(answers), answers.length) as tf.Tensor2D;
    });
}
