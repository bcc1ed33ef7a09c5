/** Augmentation by name, for the command line: each with the strength that is customary. */
import { randomAffine, randomRotation } from '../data/augment/affine.ts';
import { colorJitter } from '../data/augment/color-jitter.ts';
import { compose } from '../data/augment/compose.ts';
import { randomResizedCrop } from '../data/augment/crop.ts';
import { randomErasing } from '../data/augment/erase.ts';
import { randomHorizontalFlip, randomVerticalFlip } from '../data/augment/flip.ts';
import { randAugment } from '../data/augment/rand-augment.ts';
import { type BatchTransform, randomShift } from '../data/transforms.ts';
import type { AUGMENTATIONS } from './options.ts';

type Name = (typeof AUGMENTATIONS)[number];

/** The transform that the options ask for; undefined for none. */
export function augmentation(
  names: readonly Name[],
  jitter: number,
  [height, width]: readonly number[],
): BatchTransform | undefined {
  const transforms = names.map((name) => make(name, [height as number, width as number]));
  if (jitter > 0) transforms.push(randomShift({ pixels: jitter }));
  return transforms.length > 0 ? compose(transforms) : undefined;
}

function make(name: Name, size: readonly [number, number]): BatchTransform {
  switch (name) {
    case 'flip':
      return randomHorizontalFlip();
    case 'vflip':
      return randomVerticalFlip();
    case 'rotate':
      return randomRotation({ degrees: 180 });
    case 'affine':
      return randomAffine({ degrees: 15, translate: 0.1, scale: [0.9, 1.1] });
    case 'crop':
      return randomResizedCrop({ size, scale: [0.5, 1] });
    case 'color':
      return colorJitter({ brightness: 0.2, contrast: 0.2, saturation: 0.2 });
    case 'erase':
      return randomErasing({ probability: 0.25 });
    case 'randaugment':
      return randAugment();
    default:
      return name satisfies never;
  }
}
