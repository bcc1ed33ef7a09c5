/** The metrics, as the `metrics` namespace of the package. */
export { accuracy, topKAccuracy } from './accuracy.ts';
