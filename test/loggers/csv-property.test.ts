/** Whatever is logged in whatever order and portions, the CSV file is the table of it. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { CSVLogger } from 'kelvin';
import { expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { freshDirectory } from './support.ts';

assertFileLeaksNothing();

/** A CSV reader that goes character by character. */
function readTable(content: string): string[][] {
  const table: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let quoted = false;
  for (let i = 0; i < content.length; i++) {
    const character = content.charAt(i);
    if (quoted && character === '"' && content.charAt(i + 1) === '"') {
      cell += '"';
      i++;
    } else if (character === '"') quoted = !quoted;
    else if (quoted || (character !== ',' && character !== '\n')) cell += character;
    else {
      row.push(cell);
      cell = '';
      if (character === ',') continue;
      table.push(row);
      row = [];
    }
  }
  return table;
}

const name = fc.oneof(
  fc.constantFrom('loss', 'acc', 'epoch'),
  fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', ' ', 'é') }),
);
const row = fc.dictionary(name, fc.double(), { maxKeys: 4, noNullPrototype: true });

test('the file is the table of what was logged', async () => {
  const directory = freshDirectory();
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 5 }),
      async (rows, every) => {
        rmSync(join(directory, 'run'), { recursive: true, force: true });
        const logger = new CSVLogger(directory, { name: '', version: 'run', flushEveryNRows: every });
        for (const [step, metrics] of rows.entries()) {
          logger.logMetrics(metrics, step);
          if (step % 4 === 3) await logger.finalize('success'); // and it is opened again
        }
        await logger.finalize('success');
        const columns = [...new Set(['step', ...rows.flatMap((metrics) => Object.keys(metrics))])].sort();
        const cells = rows.map((metrics, step) =>
          columns.map((column) =>
            column === 'step' ? String(step) : column in metrics ? String(metrics[column]) : '',
          ),
        );
        expect(readTable(readFileSync(join(logger.logDir, 'metrics.csv'), 'utf8'))).toEqual([columns, ...cells]);
      },
    ),
    { seed: 11, numRuns: 150 },
  );
});
