/** The metrics, as the `metrics` namespace of the package. */
export { accuracy, topKAccuracy } from './accuracy.ts';
export { type CalibrationOptions, expectedCalibrationError } from './calibration.ts';
export { confusionMatrix } from './confusion.ts';
export { Accuracy, CalibrationError, ConfusionMatrix, EpochMetric, type EpochMetricState } from './epoch.ts';
