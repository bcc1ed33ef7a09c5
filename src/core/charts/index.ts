/** Charts as SVG text, for reports. */
export { escaped, type ScaleOptions, tickText } from './axis.ts';
export { type ChartSeries, type LineChart, lineChart } from './line-chart.ts';
export { type ChartRange, type RangeChart, rangeChart } from './range-chart.ts';
