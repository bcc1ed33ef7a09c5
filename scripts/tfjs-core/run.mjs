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
const { passed, skipped, failed } = await runSpecs({ only: process.argv[2] });

const excused = (name) => EXCEPTIONS.find(({ spec }) => name.startsWith(spec));
const wrong = failed.filter(({ name }) => !excused(name));
for (const { name, message } of wrong) process.stdout.write(`FAILED ${name}\n  ${message.split('\n')[0].slice(0, 300)}\n`);
const excusedCount = failed.length - wrong.length;
process.stdout.write(`${detail}: ${passed} passed, ${excusedCount} excepted, ${wrong.length} failed, ${skipped} skipped\n`);
process.exit(wrong.length === 0 && passed > 0 ? 0 : 1);
