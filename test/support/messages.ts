/** The text of what was thrown, for inline snapshots. */

/** What `body` throws or rejects with: its class, code and message. */
export async function messageFrom(body: () => unknown): Promise<string> {
  try {
    await body();
  } catch (error) {
    const { name, message, code } = error as Error & { code?: string };
    return `${name}${code === undefined ? '' : ` [${code}]`} ${message}`;
  }
  return 'nothing was thrown';
}
