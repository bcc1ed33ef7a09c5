/**
 * The one place where Kelvin takes TensorFlow.js from: tfjs-core and tfjs-layers under one name, with the chained
 * methods that the Node build of tfjs-core leaves out. The pure-JavaScript engine is registered here, so that modules
 * can be constructed before a faster engine has been started; nothing slower than a constructor should run on it.
 */
import '@tensorflow/tfjs-backend-cpu';
import { findBackend } from '@tensorflow/tfjs-core';
import './chained-ops.ts';

export * from '@tensorflow/tfjs-core';
export * from '@tensorflow/tfjs-layers';

// tfjs advises, once, to install tfjs-node. `kelvin devices` gives that advice where it is asked for.
(findBackend('cpu') as { firstUse?: boolean }).firstUse = false;
