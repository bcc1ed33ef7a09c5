/**
 * As much of jasmine as tfjs-core's test suite asks for: the globals that its spec files call while they are imported,
 * and a runner of the specs that they declared, in the order in which they did.
 */
import { expectAsync, expectation } from './expectations.mjs';
import { Spies } from './spies.mjs';

const TIMEOUT = 60_000;

/** A describe block: its hooks, and its specs and blocks in their order. */
const block = (name, parent) => ({
  name,
  parent,
  children: [],
  beforeAll: [],
  beforeEach: [],
  afterEach: [],
  afterAll: [],
});

const root = block('');
let open = root;
let failures = [];
let spies = new Spies();

/** Declares everything that a spec file expects to find as a global. */
export function declareGlobals() {
  const it = (name, body) => void open.children.push({ name, body });
  const hook = (kind) => (body) => void open[kind].push(body);
  const fail = (reason) => void failures.push(reason instanceof Error ? reason : new Error(String(reason)));
  Object.assign(globalThis, {
    describe(name, body) {
      const outer = open;
      open = block(name, outer);
      outer.children.push(open);
      body();
      open = outer;
    },
    it,
    xit: (name) => it(name, undefined),
    ...Object.fromEntries(['beforeAll', 'beforeEach', 'afterEach', 'afterAll'].map((kind) => [kind, hook(kind)])),
    fail,
    expect: (actual) => expectation(actual, fail),
    expectAsync: (promise) => expectAsync(promise, fail),
    spyOn: (object, method) => spies.on(object, method),
    jasmine: { DEFAULT_TIMEOUT_INTERVAL: TIMEOUT, arrayWithExactContents: (values) => new Set(values) },
  });
}

/** Runs everything declared. @returns the counts, and the names of the failed specs with their first errors */
export async function runSpecs({ only = '' } = {}) {
  const counts = { passed: 0, skipped: 0, failed: [] };
  await runBlock(root, '', only, counts);
  return counts;
}

async function runBlock(suite, prefix, only, counts) {
  const name = `${prefix} ${suite.name}`.trim();
  if (!holds(suite, name, only)) return;
  failures = [];
  // What a block spies on holds for all its specs.
  const lasting = new Spies();
  spies = lasting;
  await runAll(suite.beforeAll);
  const broken = failures;
  for (const child of suite.children) {
    if (child.children) await runBlock(child, name, only, counts);
    else if (`${name} ${child.name}`.includes(only))
      await runSpec(child, suite, `${name} ${child.name}`, broken, counts);
  }
  await runAll(suite.afterAll);
  lasting.restore();
}

const holds = (suite, name, only) =>
  name.includes(only) ||
  suite.children.some((child) => {
    const full = `${name} ${child.name}`;
    return child.children ? holds(child, full, only) : full.includes(only);
  });

async function runSpec({ body }, suite, name, broken, counts) {
  if (!body) return void counts.skipped++;
  failures = [...broken];
  spies = new Spies();
  const chain = [];
  for (let at = suite; at; at = at.parent) chain.unshift(at);
  await runAll(chain.flatMap((one) => one.beforeEach));
  if (failures.length === 0) await runAll([body]);
  await runAll(chain.toReversed().flatMap((one) => one.afterEach));
  spies.restore();
  if (failures.length === 0) counts.passed++;
  else counts.failed.push({ name, message: String(failures[0]?.message ?? failures[0]) });
}

/** Runs functions one after the other; what they throw is noted as a failure. */
async function runAll(bodies) {
  for (const body of bodies) {
    let timer;
    try {
      const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`took longer than ${TIMEOUT} ms`)), TIMEOUT);
      });
      await Promise.race([body.length > 0 ? withCallback(body) : body.call({}), late]);
    } catch (error) {
      failures.push(error ?? new Error('a promise was rejected without a reason'));
    } finally {
      clearTimeout(timer);
    }
  }
}

const withCallback = (body) =>
  new Promise((resolve, reject) => {
    const done = Object.assign((error) => (error instanceof Error ? reject(error) : resolve()), { fail: reject });
    Promise.resolve(body.call({}, done)).catch(reject);
  });
