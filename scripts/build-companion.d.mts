/** The types of build-companion.mjs, for the test that builds again. */

/** The text of binaries.ts for the sources as they are. */
export function binariesFromSource(): Promise<string>;
