/** The GPU's side of an install: which NVIDIA wheels TensorFlow's wheel asks for, and what is taken from them. */
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The requirements of the extra `and-cuda`, as pip takes them: `'nvidia-cudnn-cu12<10.0,>=9.3.0.75'`. */
export function cudaRequirements(requires: readonly string[]): string[] {
  return requires
    .map((line) => /^(nvidia-[^;\s]+)\s*;\s*extra\s*==\s*["']and-cuda["']/.exec(line)?.[1])
    .filter((requirement): requirement is string => requirement !== undefined);
}

/** What is needed to run, not to compile: libraries, the device's intermediate code, `ptxas`. */
export function wantedOfNvidia(name: string): string | undefined {
  return /^nvidia\/[^/]+\/(lib|bin|nvvm)\//.test(name) && !name.endsWith('.a') ? name : undefined;
}

/** The folders of libraries among what was unpacked; makes the programs beside them executable. */
export function cudaFolders(folder: string): string[] {
  const root = join(folder, 'nvidia');
  if (!existsSync(root)) return [];
  const parts = readdirSync(root);
  for (const part of parts) {
    for (const bin of [join(root, part, 'bin'), join(root, part, 'nvvm', 'bin')])
      if (existsSync(bin)) for (const program of readdirSync(bin)) chmodSync(join(bin, program), 0o755);
  }
  return parts.filter((part) => existsSync(join(root, part, 'lib'))).map((part) => `nvidia/${part}/lib`);
}
