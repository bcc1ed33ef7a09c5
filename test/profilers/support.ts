/** Chrome's trace-event format, as far as viewers insist on it. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const time = z.number().nonnegative();
const place = { pid: z.int(), tid: z.int() };
const slice = z.strictObject({
  ph: z.literal('X'),
  name: z.string().min(1),
  cat: z.string().min(1),
  ts: time,
  dur: time,
  ...place,
});
const naming = z.strictObject({
  ph: z.literal('M'),
  name: z.enum(['process_name', 'thread_name']),
  args: z.strictObject({ name: z.string() }),
  ...place,
});

export type Slice = z.output<typeof slice>;

/** The events of a trace file, checked one by one. Slices of one track must lie within or beside one another. */
export function readTrace(path: string): { slices: Slice[]; names: string[] } {
  const events = z.array(z.union([slice, naming])).parse(JSON.parse(readFileSync(path, 'utf8')));
  const slices = events.filter((event) => event.ph === 'X');
  for (const tid of new Set(slices.map((each) => each.tid))) checkNesting(slices.filter((each) => each.tid === tid));
  return { slices, names: events.flatMap((event) => (event.ph === 'M' ? [event.args.name] : [])) };
}

function checkNesting(slices: readonly Slice[]): void {
  const open: Slice[] = [];
  for (const each of [...slices].sort((a, b) => a.ts - b.ts || b.dur - a.dur)) {
    while (open.length > 0 && endOf(open.at(-1) as Slice) <= each.ts) open.pop();
    const outer = open.at(-1);
    // Microseconds as floating-point numbers: ends may differ in the last place.
    if (outer !== undefined && endOf(each) > endOf(outer) + 1e-3) {
      throw new Error(`'${each.name}' begins within '${outer.name}' and ends after it`);
    }
    open.push(each);
  }
}

const endOf = ({ ts, dur }: Slice): number => ts + dur;

/** The names of the slices around one, innermost first. */
export function around(slices: readonly Slice[], inner: Slice): string[] {
  return slices
    .filter((each) => each !== inner && each.tid === inner.tid)
    .filter((each) => each.ts <= inner.ts && endOf(each) >= endOf(inner))
    .sort((a, b) => a.dur - b.dur)
    .map(({ name }) => name);
}
