/** Augmentations one after the other. */
import { ConfigError, show } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import type { BatchTransform } from '../transforms.ts';
import { asIngredient, hasRecipe, withRecipe } from '../workers/recipe.ts';

/**
 * Applies transforms in the order given. The random stream of a sample goes on from one to the next, so each draws numbers
 * of its own. Usable in workers when all of them are.
 *
 * @throws ConfigError `invalid-option` for something that is no batch transform
 *
 * @example
 * ```ts
 * const transform = compose([randomResizedCrop({ size: 224 }), randomHorizontalFlip(), colorJitter({ brightness: 0.2 })]);
 * new DataLoader(images, { batchSize: 32, shuffle: true, workers: 2, transform });
 * ```
 */
export function compose(transforms: readonly BatchTransform[]): BatchTransform {
  transforms.forEach((transform, i) => {
    if (typeof transform?.batch === 'function') return;
    throw new ConfigError(`compose: transform number ${i}`, {
      code: 'invalid-option',
      expected: 'an object with `batch`, such as randomShift({ pixels: 2 })',
      got: show(transform),
    });
  });
  const all: BatchTransform = {
    batch(batch, randomOf) {
      const streams = new Map<number, Random>();
      const going = (row: number): Random => {
        const stream = streams.get(row) ?? randomOf(row);
        streams.set(row, stream);
        return stream;
      };
      return transforms.reduce((changed, transform) => transform.batch(changed, going), batch);
    },
  };
  if (!transforms.every(hasRecipe)) return all;
  return withRecipe(all, import.meta.url, 'compose', () => [transforms.map(asIngredient)]);
}
