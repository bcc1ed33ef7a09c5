/**
 * States that a program keeps for eager code. The variable or slot holds a tensor whose data is fetched when somebody
 * asks for it; whoever shared it before a step keeps the values of then.
 */
import * as tf from '../../../core/tf.ts';
import type { Place } from '../program.ts';
import type { NodeBackend, TensorRecord } from './backend.ts';

/** Who keeps a state's values. */
export interface Keeper {
  /** Fetches a state: the id of a tensor that belongs to the caller. */
  fetch(state: LentState): number;
}

/** The data of a tensor that stands in for a state. The backend takes it for a record of its own. */
class LentData implements TensorRecord {
  readonly values = null;
  readonly shape: readonly number[];
  readonly dtype: number;
  refCount = 1;
  fetched: number | undefined;
  readonly #fetch: () => number;

  constructor({ shape, dtype }: Pick<TensorRecord, 'shape' | 'dtype'>, fetch: () => number) {
    this.shape = shape;
    this.dtype = dtype;
    this.#fetch = fetch;
  }

  get id(): number {
    this.fetched ??= this.#fetch();
    return this.fetched;
  }
}

const lent = new WeakMap<object, LentData>();
const watched = new WeakSet<NodeBackend>();

export class LentState {
  readonly place: Place;
  /** Where the state is now; `undefined`: in its place. */
  keeper: Keeper | undefined;
  readonly #backend: NodeBackend;
  #dataId: object | undefined;
  #data: LentData | undefined;

  constructor(place: Place, backend: NodeBackend) {
    this.place = place;
    this.#backend = backend;
    watchDisposal(backend);
  }

  /** True when `keeper` has the current values, and nobody holds on to them: nothing is to be done before a step. */
  isWith(keeper: Keeper): boolean {
    const data = this.#data;
    if (this.keeper !== keeper || data === undefined || this.place.read().dataId !== this.#dataId) return false;
    return data.refCount === 1 && data.fetched === undefined;
  }

  /** The id of the tensor that `keeper` has to take the values from, when it has not got them. */
  sourceFor(keeper: Keeper): number | undefined {
    const current = this.place.read();
    const data = this.#data;
    if (data === undefined || current.dataId !== this.#dataId) {
      this.#fetchForOthers();
      return this.#backend.getInputTensorIds([current])[0];
    }
    return this.keeper === keeper ? undefined : data.id;
  }

  /** The values are with `keeper` now. Call it before the step that changes them. */
  lendTo(keeper: Keeper): void {
    const data = this.#data;
    const standing = data !== undefined && this.place.read().dataId === this.#dataId;
    if (standing && data.refCount === 1) {
      if (data.fetched !== undefined) this.#backend.binding.deleteTensor(data.fetched);
      data.fetched = undefined;
      this.keeper = keeper;
      return;
    }
    if (standing) this.#fetchForOthers();
    this.keeper = keeper;
    this.#install();
  }

  /** Fetches the values for good. */
  settle(): void {
    this.#fetchForOthers();
    this.#data = undefined;
    this.#dataId = undefined;
    this.keeper = undefined;
  }

  /** Whoever has the data keeps what it is now. */
  #fetchForOthers(): void {
    if (this.#data !== undefined && this.#data.refCount > 0) this.#data.id;
  }

  #install(): void {
    const { shape, dtype } = this.place.read();
    const fetch = (): number => (this.keeper as Keeper).fetch(this);
    const data = new LentData({ shape: [...shape], dtype: this.#backend.getDTypeInteger(dtype) }, fetch);
    const dataId = {};
    lent.set(dataId, data);
    this.#backend.tensorMap.set(dataId, data);
    this.place.write(tf.keep(tf.engine().makeTensorFromTensorInfo({ dataId, shape: [...shape], dtype })));
    this.#data = data;
    this.#dataId = dataId;
  }
}

/** Has the backend dispose of stand-ins without fetching them. */
function watchDisposal(backend: NodeBackend): void {
  if (watched.has(backend)) return;
  watched.add(backend);
  const { disposeData } = backend;
  backend.disposeData = (dataId, force = false) => {
    const data = lent.get(dataId);
    if (data === undefined) return disposeData.call(backend, dataId, force);
    if (data.refCount === 0) return true;
    data.refCount--;
    if (!force && data.refCount > 0) return false;
    data.refCount = 0;
    if (data.fetched !== undefined) backend.binding.deleteTensor(data.fetched);
    backend.tensorMap.delete(dataId);
    return true;
  };
}
