/** Ctrl-C and SIGTERM: the first asks for a clean end, the second ends the process. Earlier handlers come back after. */

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
type Handler = (...args: unknown[]) => void;

/** Exit code of a process that was interrupted. */
const INTERRUPTED = 130;

/** The runs that listen. Several share one handler, so that the earlier handlers come back when the last has ended. */
const running = new Set<() => void>();
let stopHandling = (): void => {};

/**
 * Listens until the returned function is called.
 *
 * @param onFirst asks the run to end after the current step
 */
export function listenForSignals(onFirst: () => void): () => void {
  if (running.size === 0) stopHandling = takeOver();
  running.add(onFirst);
  return () => {
    if (running.delete(onFirst) && running.size === 0) stopHandling();
  };
}

function takeOver(): () => void {
  // Raw listeners: those that were added with `once` stay such.
  const earlier = SIGNALS.map((signal) => ({ signal, handlers: process.rawListeners(signal) as Handler[] }));
  let asked = false;
  const handle = (): void => {
    if (asked) process.exit(INTERRUPTED);
    asked = true;
    for (const onFirst of running) onFirst();
  };
  for (const signal of SIGNALS) {
    process.removeAllListeners(signal);
    process.on(signal, handle);
  }
  return () => {
    for (const { signal, handlers } of earlier) {
      process.off(signal, handle);
      for (const handler of handlers) process.on(signal, handler);
    }
  };
}
