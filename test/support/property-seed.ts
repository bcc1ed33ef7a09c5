/** Property tests repeat: the same cases on every run, others with `KELVIN_TEST_SEED=random` or a number of one's own. */
import fc from 'fast-check';

const asked = process.env.KELVIN_TEST_SEED ?? '12';
fc.configureGlobal(asked === 'random' ? {} : { seed: Number(asked) });
