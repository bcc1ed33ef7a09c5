/** Options of `kelvin distill`: the teacher, what it teaches and how, and how often. */
import { between, choice, count, countOf, flag, flagOrPath, group, path, positive, sizes, words } from './option.ts';

export const DISTILLATION = group({
  title: 'Distillation (the model options describe the student):',
  section: 'distillation',
  options: {
    teacher: path('checkpoint of the teacher, made by `kelvin fit`', {
      value: '<ckpt>',
      defaultText: 'one is trained first',
    }),
    teacherModel: choice(['mlp', 'cnn', 'depthwise'])('kind of a teacher that is trained first', {
      value: '<mlp|cnn|depthwise>',
      default: 'mlp',
    }),
    teacherHidden: sizes('hidden layers of a teacher that is trained first (mlp)', { default: [400, 400] }),
    teacherChannels: sizes('channels of a teacher that is trained first (cnn, depthwise)', { default: [32, 64] }),
    teacherEpochs: countOf('ep', 1)('epochs of a teacher that is trained first', { default: 10 }),
    teacherJitter: count()('random shifts for a teacher that is trained first, in pixels', {
      defaultText: 'as --jitter',
    }),
    temperature: positive('softens the answers of teacher and student', { default: 6 }),
    temperatureSchedule: choice(['constant', 'linear', 'cosine', 'step'])(
      'how the temperature goes down to 1 over the epochs',
      {
        default: 'constant',
      },
    ),
    alpha: between(0, 1)('weight of the teacher: 0 labels alone, 1 teacher alone', { default: 0.9 }),
    cacheTeacher: flagOrPath(
      'ask the teacher once per image, and keep its logits in this directory (default: teacher-logits in --log-dir)',
    ),
    baseline: flag('also train the same student without the teacher, for comparison'),
    sweep: words('many students instead of one: size, task, temperature, or sizes=0.5,0.1,temperatures=2,8 and so on', {
      value: '<what>',
    }),
    seeds: count(1)('runs of each student, with seeds of their own; the report has means and intervals', {
      defaultText: '1, of a sweep 3',
    }),
  },
});
