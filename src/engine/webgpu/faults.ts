/**
 * Errors of the device, which WebGPU tells beside the calls that cause them while the results hold whatever lay in memory:
 * here the kernel or the read that follows one throws.
 */
import { BackendError } from '../../core/errors.ts';
import type { WebGPUBackend } from './packages.ts';

/** Makes the backend's programs and reads throw what its device has complained of. */
export function reportFaults(backend: WebGPUBackend): void {
  let fault: { readonly kind: string; readonly message: string } | undefined;
  backend.device.addEventListener('uncapturederror', (event) => {
    event.preventDefault?.();
    fault ??= { kind: event.error.constructor.name, message: event.error.message };
  });
  void backend.device.lost.then(({ message, reason }) => {
    if (reason !== 'destroyed') fault ??= { kind: 'GPUDeviceLost', message };
  });
  const check = (): void => {
    if (!fault) return;
    const { kind, message } = fault;
    fault = undefined;
    throw deviceError(kind, message);
  };
  const { runWebGPUProgram, readSync, read } = backend;
  backend.runWebGPUProgram = (...args) => {
    const output = runWebGPUProgram.apply(backend, args);
    check();
    return output;
  };
  backend.readSync = (dataId) => {
    const values = readSync.call(backend, dataId);
    check();
    return values;
  };
  backend.read = async (dataId) => {
    const values = await read.call(backend, dataId);
    check();
    return values;
  };
}

function deviceError(kind: string, message: string): BackendError {
  const first = message.trim().split('\n', 1)[0] ?? '';
  if (kind === 'GPUOutOfMemoryError')
    return new BackendError(`the GPU is out of memory (${first})`, {
      code: 'out-of-memory',
      help: 'make the batch or the model smaller',
    });
  return new BackendError(`the GPU could not do what it was asked for (${first})`, {
    code: 'device-error',
    help: 'what was computed last is not to be trusted; use another engine for this operation, and report it',
  });
}
