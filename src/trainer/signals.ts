/** Ctrl-C and SIGTERM: the first asks for a clean end, the second ends the process. Earlier handlers come back after. */

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Exit code of a process that was interrupted. */
const INTERRUPTED = 130;

/**
 * Listens until the returned function is called.
 *
 * @param onFirst asks the run to end after the current step
 */
export function listenForSignals(onFirst: () => void): () => void {
  const earlier = new Map(SIGNALS.map((signal) => [signal, process.listeners(signal)]));
  let asked = false;
  const handle = (): void => {
    if (asked) process.exit(INTERRUPTED);
    asked = true;
    onFirst();
  };
  for (const signal of SIGNALS) {
    process.removeAllListeners(signal);
    process.on(signal, handle);
  }
  return () => {
    for (const signal of SIGNALS) {
      process.off(signal, handle);
      for (const listener of earlier.get(signal) ?? []) process.on(signal, listener);
    }
  };
}
