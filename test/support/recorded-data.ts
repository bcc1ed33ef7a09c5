/** A data module that notes what is called. */
import { type JsonObject, LightningDataModule, type RunStage } from 'kelvin';
import { boringLoader } from './boring.ts';

/** Notes every call, the loaders' with the epoch. */
export class Recorded extends LightningDataModule {
  readonly trace: string[];
  state: JsonObject = {};

  constructor(trace: string[] = [], hparams: Record<string, unknown> = {}) {
    super();
    this.trace = trace;
    this.saveHyperparameters(hparams);
  }
  override prepareData(): void {
    this.trace.push('D.prepareData');
  }
  override setup(stage: RunStage): void {
    this.trace.push(`D.setup(${stage})`);
  }
  override trainDataloader(): object {
    this.trace.push(`D.train(${this.trainer.currentEpoch})`);
    return boringLoader(2);
  }
  override valDataloader(): object {
    this.trace.push(`D.val(${this.trainer.currentEpoch})`);
    return boringLoader(1);
  }
  override testDataloader(): object {
    this.trace.push('D.test');
    return boringLoader(1);
  }
  override predictDataloader(): object {
    this.trace.push('D.predict');
    return boringLoader(1);
  }
  override teardown(stage: RunStage): void {
    this.trace.push(`D.teardown(${stage})`);
  }
  override onException(error: unknown): void {
    this.trace.push(`D.exception(${(error as Error).message})`);
  }
  override stateDict(): JsonObject {
    this.trace.push('D.stateDict');
    return this.state;
  }
  override loadStateDict(state: JsonObject): void {
    this.trace.push(`D.loadStateDict(${JSON.stringify(state)})`);
    this.state = state;
  }
}
