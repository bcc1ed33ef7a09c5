/** Specs of tfjs-core that may fail on the embedded engine, by the beginning of their name, and why. */
export const EXCEPTIONS = [];
