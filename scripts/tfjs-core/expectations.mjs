/** The matchers of jasmine that tfjs-core's test suite uses; what does not hold is handed to `fail`. */
import { inspect, isDeepStrictEqual } from 'node:util';

/** A Set stands for an array with these contents in any order. */
const same = (actual, expected) =>
  expected instanceof Set && Array.isArray(actual)
    ? actual.length === expected.size && actual.every((value) => expected.has(value))
    : isDeepStrictEqual(actual, expected);

const MATCHERS = {
  toBe: (actual, expected) => actual === expected || (Number.isNaN(actual) && Number.isNaN(expected)),
  toBeCloseTo: (actual, expected, digits = 2) => Math.abs(actual - expected) < 10 ** -digits / 2,
  toBeDefined: (actual) => actual !== undefined,
  toBeFalse: (actual) => actual === false,
  toBeFalsy: (actual) => !actual,
  toBeGreaterThan: (actual, expected) => actual > expected,
  toBeGreaterThanOrEqual: (actual, expected) => actual >= expected,
  toBeInstanceOf: (actual, type) => actual instanceof type,
  toBeLessThan: (actual, expected) => actual < expected,
  toBeLessThanOrEqual: (actual, expected) => actual <= expected,
  toBeNaN: (actual) => Number.isNaN(actual),
  toBeNull: (actual) => actual === null,
  toBeTrue: (actual) => actual === true,
  toBeTruthy: (actual) => Boolean(actual),
  toBeUndefined: (actual) => actual === undefined,
  toContain: (actual, expected) => actual.includes(expected),
  toEqual: same,
  toHaveBeenCalled: (spy) => spy.calls.count() > 0,
  toHaveBeenCalledTimes: (spy, times) => spy.calls.count() === times,
  toHaveBeenCalledWith: (spy, ...args) => spy.calls.all().some((call) => same(call.args, args)),
  toMatch: (actual, pattern) => new RegExp(pattern).test(actual),
  toThrow: (body, ...expected) => throws(body, (error) => expected.length === 0 || same(error, expected[0])),
  toThrowError: (body, ...expected) => throws(body, (error) => isError(error, expected)),
};

/** What `expect(actual)` returns. */
export function expectation(actual, fail) {
  const matchers = { nothing() {}, not: {} };
  for (const [name, holds] of Object.entries(MATCHERS)) {
    const check =
      (wanted) =>
      (...expected) => {
        if (holds(actual, ...expected) === wanted) return;
        const shown = [actual, ...expected].map((value) => inspect(value, { depth: 2, maxArrayLength: 20 }));
        fail(new Error(`${shown[0]} ${wanted ? '' : 'not '}${name} ${shown.slice(1).join(', ')}`));
      };
    matchers[name] = check(true);
    matchers.not[name] = check(false);
  }
  return matchers;
}

/** What `expectAsync(promise)` returns. */
export const expectAsync = (promise, fail) => ({
  async toBeRejectedWithError(...expected) {
    const [outcome] = await Promise.allSettled([promise]);
    if (outcome.status === 'fulfilled') fail(new Error('the promise was not rejected'));
    else if (!isError(outcome.reason, expected)) fail(new Error(`the promise was rejected with ${outcome.reason}`));
  },
});

function throws(body, accepts) {
  try {
    body();
  } catch (error) {
    return accepts(error);
  }
  return false;
}

/** Whether it is an error of the type and message asked for: `[type]`, `[message]` or `[type, message]`. */
function isError(error, expected) {
  return expected.every((one) => {
    if (typeof one === 'function') return error instanceof one;
    return one instanceof RegExp ? one.test(error.message) : error.message === one;
  });
}
