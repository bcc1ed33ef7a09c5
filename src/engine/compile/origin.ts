/** Says in which line of the user's code something happened. */
import type { Origin } from './tape.ts';

/** Notes the current stack, cheaply: V8 formats it only when it is read. */
export function here(): Origin {
  const origin: { stack?: string } = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 40;
  Error.captureStackTrace(origin, here);
  Error.stackTraceLimit = limit;
  return origin;
}

const OWN = new URL('../../', import.meta.url).href;
const OWN_PATH = decodeURIComponent(new URL('../../', import.meta.url).pathname);

/** The innermost line outside of Kelvin and tfjs, such as `net.ts:12`; `undefined` when there is none. */
export function lineOf(origin: Origin | undefined): string | undefined {
  const frames = (origin?.stack ?? '').split('\n').slice(1);
  const isForeign = (frame: string): boolean =>
    /:\d+:\d+\)?$/.test(frame) &&
    !/node:|@tensorflow[\\/]/.test(frame) &&
    (!(frame.includes(OWN) || frame.includes(OWN_PATH)) || /[\\/]examples[\\/]/.test(frame));
  const found = frames.find(isForeign);
  return found === undefined ? undefined : /([^\\/()]+:\d+):\d+\)?$/.exec(found)?.[1];
}
