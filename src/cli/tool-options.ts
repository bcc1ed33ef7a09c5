/** The options of the commands that are tools of their own: the board, and the native engine. */
import { choice, count, flag, group, path, words } from './option.ts';

/** What `kelvin board` takes. */
export const BOARD = group({
  title: 'Board:',
  section: undefined,
  options: {
    dir: path('directory above the runs', { default: 'runs' }),
    port: count()('port to listen on; 0 takes any', { default: 6006 }),
    python: words('the Python that may have TensorBoard', { value: '<command>', default: 'python3' }),
    builtin: flag("show Kelvin's own page even where there is TensorBoard"),
  },
});

/** What `kelvin native` takes. */
export const NATIVE = group({
  title: 'Native engine:',
  section: undefined,
  options: {
    action: choice(['install', 'status', 'remove'])('what to do', { value: '<action>' }),
    gpu: flag("TensorFlow with CUDA and NVIDIA's libraries (some 8 GB)"),
    wheel: path('a wheel of tensorflow-cpu that is here already', { defaultText: 'pip downloads it' }),
    python: words('the Python whose pip downloads', { value: '<command>', defaultText: 'python3' }),
  },
});
