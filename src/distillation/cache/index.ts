/** A teacher's logits in a file: the public names of this folder. */
export { type CacheTeacherLogitsOptions, cacheTeacherLogits } from './cache-teacher-logits.ts';
export type { LogitCacheHeader } from './header.ts';
export { LogitCache, type OpenLogitCacheOptions, openLogitCache } from './logit-cache.ts';
export type { LogitFormat } from './record.ts';
