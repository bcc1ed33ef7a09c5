/**
 * sharp, which decodes images, is an optional peer: it is imported when the first image is decoded. Its cache of operations,
 * one for the whole process, only costs time here, where every picture is decoded once per epoch.
 */
import { ConfigError } from '../../core/errors.ts';

/** sharp's entry point. */
export type Sharp = typeof import('sharp').default;

let loading: Promise<Sharp> | undefined;

/** sharp, once it is there. @throws ConfigError `missing-sharp` */
export function loadSharp(): Promise<Sharp> {
  loading ??= import('sharp').then(
    (module) => {
      const sharp = module.default;
      if (isUntouched(sharp.cache())) sharp.cache(false);
      return sharp;
    },
    (cause: unknown) => {
      loading = undefined;
      throw new ConfigError('Images cannot be decoded without the package sharp', {
        code: 'missing-sharp',
        help: 'npm install sharp',
        cause,
      });
    },
  );
  return loading;
}

/** Whether the cache is as sharp sets it at first: what the user's own program has set stays. */
function isUntouched({ memory, files, items }: ReturnType<Sharp['cache']>): boolean {
  return memory.max === 50 && files.max === 20 && items.max === 100;
}
