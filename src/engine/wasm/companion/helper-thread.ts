/** What the helper threads run, and the layout of what they share with the main thread. */

/** Places in the control block, an Int32Array. */
export const CONTROL = {
  /** The number of the job, shifted left by 16, and how many chunks nobody has claimed yet. */
  ticket: 0,
  /** Chunks that are computed. */
  done: 1,
  /** Chunks in all. */
  chunks: 2,
  /** Helpers that are asleep. */
  asleep: 3,
  /** Set when a routine failed. */
  failed: 4,
} as const;

/** Places in the job, a Float64Array: then follow, for each argument, base, perStart, perCount and perThread. */
export const JOB = { routine: 0, units: 1, chunk: 2, given: 3, first: 4 } as const;

/** What a helper is given at its start. */
export interface HelperData {
  readonly module: object;
  readonly memory: object;
  readonly control: Int32Array;
  readonly job: Float64Array;
  readonly routines: readonly string[];
  readonly thread: number;
}

/**
 * A helper claims chunks of the job at hand, computes them, looks out for the next job for a moment (some 100 µs) and goes to
 * sleep. It is JavaScript as text, since it must run the same from sources and from the package, whoever compiles those.
 */
export const HELPER = `
const { workerData } = require('node:worker_threads');
const { module, memory, control, job, routines, thread } = workerData;
const { exports } = new WebAssembly.Instance(module, { env: { memory } });
const run = routines.map((name) => exports[name]);

function compute(chunk) {
  const start = chunk * job[${JOB.chunk}];
  const count = Math.min(job[${JOB.chunk}], job[${JOB.units}] - start);
  const given = [];
  for (let i = 0, at = ${JOB.first}; i < job[${JOB.given}]; i++, at += 4)
    given.push(job[at] + start * job[at + 1] + count * job[at + 2] + thread * job[at + 3]);
  run[job[${JOB.routine}]](...given);
}

function rest(ticket) {
  for (let turn = 0; turn < 20000; turn++) if (Atomics.load(control, ${CONTROL.ticket}) !== ticket) return;
  Atomics.add(control, ${CONTROL.asleep}, 1);
  Atomics.wait(control, ${CONTROL.ticket}, ticket);
  Atomics.sub(control, ${CONTROL.asleep}, 1);
}

for (;;) {
  const ticket = Atomics.load(control, ${CONTROL.ticket});
  const left = ticket & 0xffff;
  if (left === 0) rest(ticket);
  else if (Atomics.compareExchange(control, ${CONTROL.ticket}, ticket, ticket - 1) === ticket) {
    try {
      compute(left - 1);
    } catch {
      Atomics.store(control, ${CONTROL.failed}, 1);
    }
    if (Atomics.add(control, ${CONTROL.done}, 1) + 1 === control[${CONTROL.chunks}])
      Atomics.notify(control, ${CONTROL.done});
  }
}
`;
