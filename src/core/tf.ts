/**
 * The one place where Kelvin takes TensorFlow.js from: tfjs-core and tfjs-layers under one name, with the chained
 * methods that the Node build of tfjs-core leaves out. The pure-JavaScript engine is registered here, so that modules
 * can be constructed before a faster engine has been started; nothing slower than a constructor should run on it.
 */
import '@tensorflow/tfjs-backend-cpu';
import { engine, findBackend, setBackend } from '@tensorflow/tfjs-core';
import './chained-ops.ts';
import { mendCpuCast } from './cpu-cast.ts';

export * from '@tensorflow/tfjs-core';
export * from '@tensorflow/tfjs-layers';

mendCpuCast();

// tfjs advises, once, to install tfjs-node; `kelvin devices` gives that advice where it is asked for. A backend that the
// user has brought along stays the current one.
if (Object.keys(engine().registryFactory).length === 1) await setBackend('cpu');
const cpu = findBackend('cpu') as object as { firstUse: boolean };
cpu.firstUse = false;
