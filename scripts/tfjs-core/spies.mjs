/** Spies in jasmine's manner: methods that note how they are called, put back after each spec. */
export class Spies {
  #undo = [];

  /** Replaces a method; the spy returns undefined until it is told what to do. */
  on(object, method) {
    const own = Object.hasOwn(object, method);
    const original = object[method];
    const spy = makeSpy(original);
    object[method] = spy;
    this.#undo.push(() => {
      if (own) object[method] = original;
      else delete object[method];
    });
    return spy;
  }

  /** Puts every method back. */
  restore() {
    for (const undo of this.#undo.splice(0).toReversed()) undo();
  }
}

function makeSpy(original) {
  const made = [];
  let act = () => undefined;
  const spy = function spied(...args) {
    made.push({ object: this, args });
    return act.apply(this, args);
  };
  const does = (next) => {
    act = next;
    return spy;
  };
  spy.and = { callThrough: () => does(original), callFake: does, returnValue: (value) => does(() => value) };
  spy.calls = { count: () => made.length, first: () => made[0], mostRecent: () => made.at(-1), all: () => made };
  return spy;
}
