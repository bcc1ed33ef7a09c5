/** Students by compression ratio: they have the parameters that were asked for, or there is an error. */
import fc from 'fast-check';
import { type CompressedStudentOptions, compressedStudent, convNet, mlp, startEngine, type tf } from 'kelvin';
import { beforeAll, describe, expect, test } from 'vitest';
import { messageFrom } from '../../support/messages.ts';
import { assertFileLeaksNothing } from '../../support/no-leak.ts';
import { free } from './support.ts';

assertFileLeaksNothing();
beforeAll(() => startEngine({ engine: 'wasm' }));

const digits = { inputs: [28, 28, 1] as [number, number, number], classes: 10 };

describe.each(['mlp', 'cnn', 'depthwise'] as const)('%s', (kind) => {
  test('meets every ratio that leaves it room, within the tolerance', () => {
    const teacher = mlp({ ...digits, hidden: [1200, 1200] });
    const runs = kind === 'mlp' ? 25 : 12;
    fc.assert(
      fc.property(fc.double({ min: 0.004, max: 1, noNaN: true }), fc.integer({ min: 2, max: 4 }), (ratio, depth) => {
        const student = compressedStudent(teacher, { ratio, kind, depth, tolerance: 0.05 });
        const got = student.countParams() / teacher.countParams();
        const shapes = [student.inputs[0]?.shape, student.outputs[0]?.shape];
        free(student);
        expect(Math.abs(got / ratio - 1)).toBeLessThanOrEqual(0.05);
        expect(shapes).toEqual([
          [null, 28, 28, 1],
          [null, 10],
        ]);
      }),
      { numRuns: runs, seed: 6 },
    );
    free(teacher);
  });
});

test('the kind follows the input, and the depth is what was asked for', () => {
  const teachers = [convNet({ ...digits, channels: [32, 64] }), mlp({ inputs: 20, hidden: [50], classes: 3 })];
  const kinds = teachers.map((teacher) => {
    const student = compressedStudent(teacher, { ratio: 0.3 });
    const names = student.layers.map((layer) => layer.getClassName());
    free(student);
    return names.includes('DepthwiseConv2D') ? 'depthwise' : 'mlp';
  });
  expect(kinds).toEqual(['depthwise', 'mlp']);
  const deep = compressedStudent(teachers[1] as tf.LayersModel, { ratio: 0.6, kind: 'mlp', depth: 4 });
  expect(deep.layers.filter((layer) => layer.getClassName() === 'Dense')).toHaveLength(5);
  free(deep, ...teachers);
});

test('what cannot be built is an error that says what can', async () => {
  const teacher = mlp({ ...digits, hidden: [20] });
  const make = (options: CompressedStudentOptions) => messageFrom(() => compressedStudent(teacher, options));
  expect(await make({ ratio: 1e-4, kind: 'mlp' })).toMatchInlineSnapshot(`
    "ConfigError [unreachable-ratio] compressedStudent: option \`ratio\`: expected a ratio that a student of kind 'mlp' can have; the nearest here is 0.0507, got 0.0001.
      help: take another \`kind\` or \`depth\`, or a larger \`tolerance\`"
  `);
  expect(await make({ ratio: 0 })).toContain('a number above 0');
  const flat = mlp({ inputs: 9, hidden: [20], classes: 3 });
  expect(await messageFrom(() => compressedStudent(flat, { ratio: 0.5, kind: 'cnn' }))).toMatchInlineSnapshot(`
    "ConfigError [invalid-teacher] compressedStudent: a student of kind 'cnn': expected a teacher of images [height, width, channels], got [9].
      help: kind: 'mlp' takes any shape"
  `);
  free(teacher, flat);
});
