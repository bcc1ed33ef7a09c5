/** The metrics, as the `metrics` namespace of the package. */
export { accuracy, topKAccuracy } from './accuracy.ts';
export { type CalibrationOptions, expectedCalibrationError } from './calibration.ts';
export { confusionMatrix } from './confusion.ts';
export { Accuracy, CalibrationError, EpochMetric, type EpochMetricState } from './epoch.ts';
export { ConfusionMatrix, QuadraticWeightedKappa, Sensitivity, Specificity } from './grades.ts';
export { quadraticWeightedKappa } from './kappa.ts';
export { sensitivity, specificity } from './rates.ts';
export { RocAuc, rocAuc } from './roc-auc.ts';
