/** File names of checkpoints: templates with metrics in them, and a version where the name is taken. */
import { access } from 'node:fs/promises';

/**
 * Fills in a template: `{epoch:02d}` is padded with zeros, `{val_loss:.2f}` has two digits after the point, `{val_loss}`
 * has two as well unless it is a whole number. An unknown metric is 0. A slash makes a sub-directory.
 *
 * @param insertNames `{epoch}` becomes `epoch=3` instead of `3`
 */
export function checkpointName(
  template: string,
  values: Readonly<Record<string, number>>,
  { insertNames }: { insertNames: boolean },
): string {
  const filled = template.replaceAll(/\{([^{}:]+)(?::([^{}]*))?\}/g, (_, name: string, format: string | undefined) => {
    const value = formatValue(values[name] ?? 0, format);
    return insertNames ? `${name}=${value}` : value;
  });
  return `${filled}.ckpt`;
}

function formatValue(value: number, format: string | undefined): string {
  const digits = /^\.(\d+)f$/.exec(format ?? '')?.[1];
  if (digits !== undefined) return value.toFixed(Number(digits));
  const width = /^0?(\d+)d$/.exec(format ?? '')?.[1];
  if (width !== undefined) return String(Math.trunc(value)).padStart(Number(width), '0');
  return Number.isInteger(value) ? String(value) : value.toFixed(2);
}

/** The path itself, or `…-v1.ckpt`, `…-v2.ckpt` when it is taken. */
export async function freePath(path: string): Promise<string> {
  for (let version = 0; ; version++) {
    const candidate = version === 0 ? path : path.replace(/\.ckpt$/, `-v${version}.ckpt`);
    const taken = await access(candidate).then(
      () => true,
      () => false,
    );
    if (!taken) return candidate;
  }
}
