/** Replaces a method of one object for a while. */

type Method = (...args: unknown[]) => unknown;

/**
 * Puts another method in place of an object's, which is handed the one before it.
 *
 * @returns puts the old one back, whether it was the object's own or its prototype's
 */
export function replaceMethod(object: object, name: string, make: (original: Method) => Method): () => void {
  const methods = object as Record<string, Method>;
  const own = Object.getOwnPropertyDescriptor(object, name);
  methods[name] = make(methods[name] as Method);
  return () => {
    if (own === undefined) Reflect.deleteProperty(object, name);
    else Object.defineProperty(object, name, own);
  };
}
