/** Text tables: alignment by column, a rule below the header. */
import { formatTable } from 'kelvin';
import { expect, test } from 'vitest';

test('the first column is aligned left, the others right', () => {
  expect(
    formatTable(
      ['model', 'errors'],
      [
        ['teacher', '67'],
        ['student', '1,074'],
      ],
    ),
  ).toBe(['model    errors', '───────────────', 'teacher      67', 'student   1,074'].join('\n'));
});

test('columns are aligned as asked for; missing cells are empty and no line ends in spaces', () => {
  const table = formatTable(
    ['a', 'b', 'c'],
    [
      ['1', 'long cell'],
      ['22', '', 'x'],
    ],
    ['right', 'left', 'left'],
  );
  expect(table).toBe([' a  b          c', '─'.repeat(16), ' 1  long cell', '22             x'].join('\n'));
});

test('a table without rows is its header', () => {
  expect(formatTable(['name', 'value'], [])).toBe('name  value\n───────────');
});
