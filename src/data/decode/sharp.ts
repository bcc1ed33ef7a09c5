/**
 * sharp, which decodes images, is an optional peer: it is imported when the first image is decoded.
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
      sharp.cache(false); // every picture is decoded once per epoch; a cache would only hold memory
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
