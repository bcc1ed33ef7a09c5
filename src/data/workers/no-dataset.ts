/** What the workers of a stream open: its samples come with the requests. */
import type { Dataset } from '../dataset.ts';
import { withRecipe } from './recipe.ts';

/** A dataset of nothing. */
export const noDataset = <S, B>(): Dataset<S, B> =>
  withRecipe({ length: 0, get: () => undefined as S }, import.meta.url, 'noDataset', () => []);
