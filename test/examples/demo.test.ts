/** The distillation demo, tiny: that it runs through, and compares like with like. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeStudent, makeTeacher, QUICK } from '../../src/examples/distillation/recipe.ts';
import { runDemo } from '../../src/examples/distillation/run-demo.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();
const directory = mkdtempSync(join(tmpdir(), 'kelvin-demo-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('it trains teacher and students, compares them, and says where to look', async () => {
  const printed: string[] = [];
  const print = (line: string) => printed.push(line);
  const { status, report } = await expectNoLeak(() =>
    runDemo({ data: 'digits', quick: true, logDir: directory, print }),
  );
  expect(status).toBe('finished');
  expect(report?.rows.map(({ name, samples, parameters }) => ({ name, samples, parameters }))).toEqual([
    { name: 'teacher', samples: 200, parameters: 784 * 64 + 64 + 64 * 10 + 10 },
    { name: 'student alone', samples: 200, parameters: 784 * 16 + 16 + 16 * 10 + 10 },
    { name: 'student distilled', samples: 200, parameters: 784 * 16 + 16 + 16 * 10 + 10 },
  ]);
  const text = printed.join('\n');
  expect(text).toContain('600 images to train, 200 to test');
  expect(text).toContain(`tensorboard --logdir ${directory}`);
  expect(existsSync(join(directory, 'distillation.html'))).toBe(true);
  for (const name of ['teacher', 'student-alone', 'student-distilled']) {
    const run = join(directory, name, 'version_0');
    expect(existsSync(join(run, 'checkpoints', 'last.ckpt'))).toBe(true);
    expect(readdirSync(run).some((file) => file.startsWith('events.out.tfevents'))).toBe(true);
  }
});

test('both students start from the same weights', async () => {
  const teacher = makeTeacher(QUICK, 3);
  const [alone, distilled] = [makeStudent(QUICK, 3), makeStudent(QUICK, 3, teacher)];
  const weights = [alone, distilled].map((model) =>
    [...model.namedVariables()].map(([name, variable]) => [name, [...variable.dataSync()]]),
  );
  expect(weights[0]).toEqual(weights[1]);
  for (const model of [teacher, alone, distilled]) model.dispose();
});
