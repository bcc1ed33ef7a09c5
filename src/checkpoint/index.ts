/** Checkpoints on disk: the public names of this folder, which are also the subpath `kelvin/checkpoint`. */
export { readCheckpoint } from './store.ts';
