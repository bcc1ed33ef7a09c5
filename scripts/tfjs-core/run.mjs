/** One run of tfjs-core's test suite in this process. Its spec files come with the npm package, as ES modules. */
import Module, { createRequire } from 'node:module';
import { EXCEPTIONS } from './exceptions.mjs';
import { declareGlobals, runSpecs } from './jasmine.mjs';

const require = createRequire(import.meta.url);
const core = '@tensorflow/tfjs-core/dist';
// The suite's own helper asks for jasmine-core by name, to set a time limit.
const load = Module._load;
Module._load = (name, ...rest) => (name.startsWith('jasmine-core') ? { core: () => ({}) } : load(name, ...rest));

// The suite's copy of tfjs-core comes first: kernels and gradients are registered for all copies, and the last one holds.
const { setTestEnvs } = require(`${core}/jasmine_util.js`);
require(`${core}/index.js`);
const { startEngine } = await import('../../src/engine/index.ts');
const { detail } = await startEngine({ engine: 'wasm' });
setTestEnvs([{ name: 'wasm', backendName: 'wasm', isDataSync: true }]);
declareGlobals();
require(`${core}/tests.js`);

// Operations warn by intent; what fails is reported below.
console.warn = () => {};
const only = process.argv[2];
const { passed, skipped, failed } = await runSpecs({ only });
const print = (line) => process.stdout.write(`${line}\n`);

const covers = ({ spec, error }, { name, message }) => (spec ? name.startsWith(spec) : error.test(message));
const wrong = failed.filter((one) => !EXCEPTIONS.some((exception) => covers(exception, one)));
const needless = only ? [] : EXCEPTIONS.filter((exception) => !failed.some((one) => covers(exception, one)));
for (const { name, message } of wrong) print(`FAILED ${name}\n  ${message.split('\n')[0].slice(0, 300)}`);
for (const { spec, error } of needless) print(`NEEDLESS EXCEPTION ${spec ?? error}`);
const excepted = failed.length - wrong.length;
print(`${detail}: ${passed} passed, ${excepted} excepted, ${wrong.length} failed, ${skipped} skipped by the suite`);
process.exit(passed > 0 && wrong.length + needless.length === 0 ? 0 : 1);
