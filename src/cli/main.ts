#!/usr/bin/env node
/** The executable `kelvin`. */
import { run } from './program.ts';

// `kelvin … | head`: the reader has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

process.exitCode = await run(process.argv.slice(2), process);
