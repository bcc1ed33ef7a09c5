/**
 * Where each row of the feature table (reference/distillation.md §6) and each complaint of §5 is tested. A row names tests by
 * file and title; a test that is renamed or gone is found missing here.
 */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const root = new URL('../', import.meta.url);
type Row = readonly (readonly [file: string, ...titles: string[]])[];

const GOLDEN = 'losses/distillation/golden.test.ts';
const DERIVED = 'losses/distillation/derived.test.ts';
const CONVERT = 'distillation/convert.test.ts';
const MODULE = 'distillation/distillation-module.test.ts';
const TEACHERS = 'distillation/teachers.test.ts';
const BALANCERS = 'distillation/balancers.test.ts';
const CACHE = 'distillation/cache-use.test.ts';
const CACHE_FILE = 'distillation/cache-file.test.ts';
const CHAIN = 'distillation/recipes/chain.test.ts';
const ALIGNMENT = 'losses/distillation/alignment.test.ts';
const UNLABELLED = 'distillation/recipes/unlabelled.test.ts';
const REPORT = 'distillation/report.test.ts';
const RULES = 'distillation/rules.test.ts';
const SWEEP = 'distillation/sweep/sweep.test.ts';

const MUST: Record<string, Row> = {
  '1 convert and export: the same student, taps dropped, tensors back at the baseline': [
    [CONVERT, 'is trained, alone, and given back as it was'],
  ],
  '2 teacher as instance, factory, tuple, url, graph model; frozen, in inference mode, out of gradients': [
    [
      TEACHERS,
      'an instance is left to its owner; what is made or loaded is freed',
      'a graph model answers by node names',
    ],
    ['distillation/onnx.test.ts', 'a student learns from it as from the network itself'],
    [MODULE, '%s as teacher stays as it is, takes no part in training and is not saved'],
  ],
  '3 criterion: a loss, a list, a map; layers many times, nested paths, neighbours of unknown names': [
    [CONVERT, 'nested and shared layers are tapped by path and call', 'what does not fit says so'],
  ],
  '4 one forward pass per model and step': [[CONVERT, 'one forward pass per model and step']],
  '5 computeKdLoss: keys and order, skipBalancer, reduction, labels': [
    [CONVERT, 'forward, computeKdLoss and the scopes'],
    [RULES, 'computeKdLoss reduces as it is told, and hands labels on'],
  ],
  '6 balancers by the table of ModelOpt, its faults mended': [
    [BALANCERS, 'a whole number is a number', 'weights that cannot be are refused'],
    [RULES, 'a student loss that has no weight is not asked for'],
  ],
  '7 LogitsDistillation, MFT, MGD': [
    [GOLDEN, 'every record of the file has a case, and every case a record'],
    [DERIVED, 'MFT at T = 2'],
    ['distillation/mgd.test.ts', 'value and gradient with nothing hidden are those of the formula'],
  ],
  '8 (1 - α) CE + α T² KL': [[MODULE, 'is (1 - α) CE + α T² KL, in doubles', 'kd_forward_kl_T4']],
  '9 schedules of the temperature': [
    ['distillation/temperature.test.ts', '1 + 4(1 - e/E)', 'cosine to the end', 'steps to a floor', 'a function'],
    [MODULE, 'the temperature follows its schedule during a fit'],
  ],
  '10 precomputed teacher': [
    [CACHE, 'a shuffled fit ends with the same weights', 'with both hashes', 'fp16 is within half a unit'],
    [CACHE_FILE, 'a process that is killed leaves nothing under the name, and another goes on to the same bytes'],
  ],
  '11 checkpoints without the teacher': [
    [CONVERT, 'its checkpoint holds no teacher, resumes exactly, and loads into the bare student'],
    [RULES, 'a checkpoint is as small beside a large teacher as beside a small one'],
  ],
  '12 evaluateDistillation': [
    ['distillation/evaluation.test.ts', 'counts errors and agreement exactly'],
    [REPORT, 'divergence and calibration equal their definitions', 'a table, Markdown, JSON and a page'],
    ['module/macs.test.ts', 'test('],
  ],
  '13 student builders, and the whole way on MNIST': [
    ['distillation/recipes/compressed-student.test.ts', 'meets every ratio that leaves it room, within the tolerance'],
    ['examples/mnist-smoke.test.ts', 'test'],
  ],
  '14 the Hinton experiment': [['examples/hinton.test.ts', 'every run of the plan is made once, and reported']],
  '15 no tensor leak; errors with cause and cure': [
    [CONVERT, 'assertFileLeaksNothing()', 'what does not fit says so'],
    [MODULE, 'expectNoLeak(() => trainer.fit'],
  ],
};

const SHOULD: Record<string, Row> = {
  'reverse KL, JSD, soft cross-entropy, logit MSE': [
    [GOLDEN, 'kd_reverse_kl_T20', 'kd_js_T4', 'kd_soft_ce_T4', 'logit_mse'],
    [DERIVED, 'generalised Jensen–Shannon', 'centred logits'],
  ],
  'DKD, DIST, logit standardisation': [
    [GOLDEN, 'dkd_a1_b8_T4', 'dist_b1_g1_T1', 'logit_std_kd_T2'],
    [DERIVED, 'decoupled, by the identity', 'DIST at T = 4'],
  ],
  'FitNets with connectors': [
    [GOLDEN, 'fitnet_hint_1x1'],
    [BALANCERS, "connector: 'conv1x1Bn'"],
  ],
  'AT, SP, RKD, PKT, cosine of features': [
    [GOLDEN, 'at_p2_mean', 'sp:', 'rkd_distance', 'rkd_angle', 'pkt'],
    [DERIVED, 'attention, the larger map pooled', 'cosine of features'],
  ],
  'several teachers': [[TEACHERS, 'several teachers: means of probabilities at the temperature, or of logits']],
  'deep mutual learning': [
    ['distillation/recipes/mutual-learning.test.ts', '%i students end where a loop written by hand does'],
  ],
  'born-again generations, teacher assistants': [
    [CHAIN, 'assistants pass on what they learned', 'a born-again chain that is interrupted'],
  ],
  'Tf-KD': [
    [DERIVED, 'no teacher, as published'],
    [UNLABELLED, 'the virtual teacher adds its divergence to the loss'],
  ],
  'label smoothing of the teacher': [[TEACHERS, 'a teacher trained with label smoothing is warned of']],
  'weights over time': [[BALANCERS, "new WeightCallback({ schedule: 'warmup', over: 2 })"]],
  'module replacement': [
    ['distillation/recipes/module-replacement.test.ts', 'layerwise: every block learns', 'the chance rises in a line'],
  ],
  'function matching, unlabelled transfer sets': [
    [UNLABELLED, 'teacher and student see the same mixed images without labels: the loop by hand ends the same'],
  ],
  'omitted classes and the bias': [
    ['distillation/recipes/omitted-classes.test.ts', 'the bias of a class that is never said is raised'],
  ],
  sweeps: [[SWEEP, 'the three questions are answered, in a table and with a figure each']],
};

const BEYOND: Record<string, Row> = {
  'multi-view cache': [[CACHE, '`viewEpochs` shows the same views again']],
  'dynamic balancers': [
    [BALANCERS, 'dynamic: features to logits', 'uncertainty begins with halves', 'GradNorm gives a loss with small'],
  ],
  'disagreement report': [
    ['distillation/evaluation.test.ts', 'disagreements: [{ reference: 0, model: 1, samples: 1 }]'],
  ],
  'equal compute': [
    ['distillation/equal-compute.test.ts', 'epochs follow from the costs', 'both are trained with the same compute'],
  ],
  'CKA, the overhaul of feature distillation': [
    [ALIGNMENT, 'centred kernel alignment: value and gradient', 'overhaul: value and gradient'],
  ],
  'learned temperature, contrast within the batch': [
    [BALANCERS, 'a learned temperature is pushed the other way than the loss falls'],
    [DERIVED, 'contrast within the batch'],
  ],
};

const COMPLAINTS: Record<string, Row> = {
  '1 cached answers misaligned': [[CACHE, 'with both hashes', 'also what changes under way']],
  '2 mean or batchmean': [[GOLDEN, 'is what the defaults give']],
  '3 T² forgotten': [
    [GOLDEN, 'kd_soft_ce_T4'],
    [MODULE, 'T² KL'],
  ],
  '4 teacher in training mode': [
    [MODULE, 'no dropout in it'],
    [TEACHERS, 'one that changes while it teaches is an error'],
  ],
  '5 teacher in the checkpoint': [[RULES, 'a checkpoint is as small beside a large teacher']],
  '6 no recipe for Lightning users': [[MODULE, '%s as teacher stays as it is']],
  '7 taps in the middle': [[CONVERT, 'nested and shared layers are tapped by path and call']],
  '8 shapes that need a connector': [[DERIVED, 'a connector makes them fit', 'pools the student']],
  '9 wasted passes of the teacher': [
    [RULES, 'the teacher does not run in validation, test, prediction, or where its weight is 0'],
    [CACHE, 'a shuffled fit ends with the same weights'],
  ],
  '10 not reproducible, no fair baseline': [
    ['cli/distill-resume.test.ts', 'and the same weights in the end'],
    ['distillation/equal-compute.test.ts', 'both are trained with the same compute'],
    [DERIVED, 'twoClasses'],
  ],
  '11 teacher and student swapped': [[TEACHERS, 'a teacher that knows less than its student is found out']],
  '12 no evaluation of compression': [['distillation/evaluation.test.ts', 'counts errors and agreement exactly']],
  '13 leaks in the loop': [[CONVERT, 'expect(tf.memory().numTensors).toBe(before.tensors)']],
};

describe.each([
  ['Must', MUST, 15],
  ['Should', SHOULD, 14],
  ['Beyond', BEYOND, 6],
  ['Complaint', COMPLAINTS, 13],
] as const)('%s', (_, table, count) => {
  test(`has ${count} rows`, () => expect(Object.keys(table)).toHaveLength(count));

  test.each(Object.entries(table))('%s', (_, row) => {
    for (const [file, ...titles] of row) {
      const path = new URL(file, root);
      expect(existsSync(path), file).toBe(true);
      const text = readFileSync(path, 'utf8');
      expect(titles.filter((title) => !text.includes(title))).toEqual([]);
    }
  });
});
