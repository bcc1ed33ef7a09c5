/**
 * Completes tfjs's wasm backend for training: the kernels that it lacks, those that it has wrong, and those that
 * are too slow to train with. All of it goes through tfjs's public registries.
 *
 * One rule for whoever writes to the backend's memory: a tensor's values never change in place. XNNPACK packs
 * weights once and keeps them by the tensor's id.
 */
import * as tf from '../../core/tf.ts';
import { splitConvolutionLayers } from '../convolution-layer.ts';
import { fuseBatchNormLayers } from '../fused-batch-norm.ts';
import { fuseLayerNormLayers } from '../layer-norm-layer.ts';
import { completeBatchNorm } from './batch-norm.ts';
import { completeChannelsFirst } from './channels-first.ts';
import { accelerateWasm } from './companion/index.ts';
import { completeConv2D } from './conv2d.ts';
import { completeCopies } from './copies.ts';
import { completeDepthwise } from './depthwise.ts';
import { completeFused } from './fused.ts';
import { completeGather } from './gather.ts';
import { completeGradients } from './gradients.ts';
import { completeMatMul } from './mat-mul.ts';
import { completeNaN } from './not-a-number.ts';
import { completePoolGradients } from './pool-gradients.ts';
import { completeRandom } from './random.ts';
import { completeReductions } from './reductions.ts';
import { completeStrings } from './strings.ts';
import { completeUnpack } from './unpack.ts';
import { completeViaCpu } from './via-cpu.ts';

let done = false;

/** Registers all of it, before or after the backend is initialised; a second call does nothing. */
export function completeWasm(): void {
  if (done) return;
  done = true;
  completeCopies();
  completeReductions();
  completeMatMul();
  completeConv2D();
  completeDepthwise();
  completeNaN();
  completeFused();
  completePoolGradients();
  completeBatchNorm();
  completeGather();
  completeRandom();
  completeStrings();
  completeUnpack();
  completeGradients();
  for (const name of [tf.Einsum, tf.Conv3DBackpropInputV2]) completeViaCpu(name);
  accelerateWasm();
  completeChannelsFirst();
  splitConvolutionLayers();
  fuseBatchNormLayers();
  fuseLayerNormLayers();
}
