/** Writes ten scalars into a new run, says so on standard output, and waits to be killed: a run that is being watched. */
import { SummaryWriter } from '../dist/index.js';

const writer = new SummaryWriter(process.argv[2] ?? 'runs/live');
for (let step = 0; step < 10; step++) writer.addScalar('live', step, step);
await writer.flush();
process.stdout.write('written\n');
setInterval(() => undefined, 1000);
