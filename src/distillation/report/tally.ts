/** What is counted while models walk through a test set. Everything is added up on the host, in double precision. */

/** One bin of the calibration: samples of like confidence. */
export interface CalibrationBin {
  /** The mean of the highest class probability, 0 to 1. */
  readonly confidence: number;
  /** The share that was right. */
  readonly accuracy: number;
  readonly samples: number;
}

/** Class probabilities of a batch, row by row. */
export interface Probabilities {
  /** Natural logarithms, `[samples, classes]`. */
  readonly logs: Float64Array;
  readonly classes: number;
}

/** Log-probabilities of logits, in double precision. */
export function logSoftmax(logits: ArrayLike<number>, classes: number): Probabilities {
  const logs = Float64Array.from(logits);
  for (let start = 0; start < logs.length; start += classes) {
    let highest = Number.NEGATIVE_INFINITY;
    for (let c = start; c < start + classes; c++) highest = Math.max(highest, logs[c] as number);
    let sum = 0;
    for (let c = start; c < start + classes; c++) sum += Math.exp((logs[c] as number) - highest);
    const shift = highest + Math.log(sum);
    for (let c = start; c < start + classes; c++) logs[c] = (logs[c] as number) - shift;
  }
  return { logs, classes };
}

/** The class with the highest value of each row, the first of equals. */
export function predictions({ logs, classes }: Probabilities): Uint32Array {
  return Uint32Array.from({ length: logs.length / classes }, (_, row) => {
    let best = row * classes;
    for (let c = best + 1; c < (row + 1) * classes; c++) if ((logs[c] as number) > (logs[best] as number)) best = c;
    return best - row * classes;
  });
}

/** One model's counts, beside a reference that it is compared with. */
export class Tally {
  readonly classes: number;
  samples = 0;
  errors = 0;
  agreed = 0;
  /** Right answers and samples by true class. */
  readonly right: Float64Array;
  readonly ofClass: Float64Array;
  /** How often the reference said the row's class and this model the column's, where they differ. */
  readonly disagreements: Float64Array;
  #klSum = 0;
  #klSquares = 0;
  readonly #bins: Float64Array;

  constructor(classes: number, bins: number) {
    this.classes = classes;
    this.right = new Float64Array(classes);
    this.ofClass = new Float64Array(classes);
    this.disagreements = new Float64Array(classes * classes);
    this.#bins = new Float64Array(3 * bins);
  }

  /** Adds a batch: what this model said, what the reference said, and what was right. */
  add(own: Probabilities, reference: Probabilities, labels: ArrayLike<number>): void {
    const said = predictions(own);
    const expected = predictions(reference);
    for (let row = 0; row < labels.length; row++) {
      const [label, mine, theirs] = [labels[row], said[row], expected[row]] as [number, number, number];
      this.#count(label, mine, theirs);
      this.#calibrate(Math.exp(own.logs[row * this.classes + mine] as number), mine === label);
      this.#diverge(own.logs, reference.logs, row * this.classes);
    }
  }

  #count(label: number, mine: number, theirs: number): void {
    this.samples += 1;
    this.ofClass[label] = (this.ofClass[label] as number) + 1;
    if (mine === label) this.right[label] = (this.right[label] as number) + 1;
    else this.errors += 1;
    const cell = theirs * this.classes + mine;
    if (mine === theirs) this.agreed += 1;
    else this.disagreements[cell] = (this.disagreements[cell] as number) + 1;
  }

  #calibrate(confidence: number, right: boolean): void {
    const count = this.#bins.length / 3;
    const bin = 3 * Math.max(0, Math.ceil(confidence * count) - 1); // open below, closed above, as in `metrics`
    this.#bins[bin] = (this.#bins[bin] as number) + 1;
    this.#bins[bin + 1] = (this.#bins[bin + 1] as number) + confidence;
    if (right) this.#bins[bin + 2] = (this.#bins[bin + 2] as number) + 1;
  }

  /** Adds KL(reference ‖ own) of one sample. */
  #diverge(own: Float64Array, reference: Float64Array, start: number): void {
    let divergence = 0;
    for (let c = start; c < start + this.classes; c++) {
      const log = reference[c] as number;
      divergence += Math.exp(log) * (log - (own[c] as number));
    }
    this.#klSum += divergence;
    this.#klSquares += divergence * divergence;
  }

  get accuracy(): number {
    return 1 - this.errors / this.samples;
  }

  get agreement(): number {
    return this.agreed / this.samples;
  }

  /** The mean of KL(reference ‖ model) over the samples, in nats. */
  get kl(): number {
    return this.#klSum / this.samples;
  }

  /** The variance of that divergence from sample to sample. */
  get klVariance(): number {
    return Math.max(0, this.#klSquares / this.samples - this.kl ** 2);
  }

  /** The expected calibration error (Guo et al. 2017): how far confidence and accuracy lie apart, over equal bins. */
  get ece(): number {
    return this.calibration.reduce(
      (sum, { confidence, accuracy, samples }) => sum + (samples / this.samples) * Math.abs(confidence - accuracy),
      0,
    );
  }

  /** The bins that have samples, from unsure to sure. */
  get calibration(): CalibrationBin[] {
    const bins: CalibrationBin[] = [];
    for (let bin = 0; bin < this.#bins.length; bin += 3) {
      const [samples, confidence, right] = this.#bins.subarray(bin, bin + 3) as unknown as [number, number, number];
      if (samples > 0) bins.push({ confidence: confidence / samples, accuracy: right / samples, samples });
    }
    return bins;
  }
}
