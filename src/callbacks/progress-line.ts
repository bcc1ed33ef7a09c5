/**
 * The lines of the progress bar as text: plain ones for log files, and ones with a bar that fit the width of a terminal.
 * Pure functions; when to print what is the business of progress-bar.ts.
 */
import { styleText } from 'node:util';
import type { Metrics } from '../core/contracts.ts';

/** What a line tells. */
export interface ProgressFacts {
  /** `epoch 3/20`, `validation`. */
  readonly label: string;
  readonly done: number;
  /** Batches there will be; `Infinity` when nobody knows. */
  readonly total: number;
  /** Milliseconds since the beginning. */
  readonly elapsed: number;
  /** Batches per second; 0 when there were none. */
  readonly rate: number;
  readonly metrics: Metrics;
}

const MIN_BAR = 8;
const MAX_BAR = 30;
const GAP = '  ';

/** `epoch 3/20  469 batches  12.3 s  38.1 batches/s  loss 0.123  val_acc 0.98` */
export function plainLine({ label, done, total, elapsed, rate, metrics }: ProgressFacts): string {
  const count = done < total && total !== Number.POSITIVE_INFINITY ? `${done}/${total}` : `${done}`;
  const unit = count === '1' ? 'batch' : 'batches';
  const parts = [label, `${count} ${unit}`, secondsText(elapsed), rateText(rate), ...metricTexts(metrics)];
  return parts.filter((part) => part !== '').join(GAP);
}

/** `epoch 3/20  ━━━━━━━━────────  120/469  0:03<0:09  38.1 batches/s  loss 0.123`, in at most `width` characters. */
export function liveLine(facts: ProgressFacts, width: number, { colour }: { colour: boolean }): string {
  const { label, done, total, elapsed, rate } = facts;
  const known = total !== Number.POSITIVE_INFINITY;
  const left = known && rate > 0 ? clock(((total - done) / rate) * 1000) : '?';
  const fixed = [known ? `${done}/${total}` : `${done}`, `${clock(elapsed)}<${left}`, rateText(rate)];
  const tail = [...fixed.filter((part) => part !== ''), ...metricTexts(facts.metrics)].join(GAP);
  const room = width - label.length - tail.length - 2 * GAP.length;
  const bar = known && room >= MIN_BAR ? barText(done / Math.max(total, 1), Math.min(room, MAX_BAR), colour) : '';
  if (bar !== '') return [paint('bold', label, colour), bar, tail].join(GAP);
  const text = cut(label + GAP + tail, width);
  return paint('bold', text.slice(0, label.length), colour) + text.slice(label.length);
}

/** Four significant digits, without needless ones: `0.9812`, `12`, `1.5e-5`. */
export function numberText(value: number): string {
  const size = Math.abs(value);
  if (size === 0 || !Number.isFinite(value) || (Number.isInteger(value) && size < 1e6)) return String(value);
  if (size >= 1e-3 && size < 1e6) return String(Number(value.toPrecision(4)));
  return String(Number(value.toPrecision(3)).toExponential()).replace('e+', 'e');
}

/** Seconds up to a hundred, hours and minutes above. */
export function secondsText(milliseconds: number): string {
  return milliseconds < 99_950 ? `${(milliseconds / 1000).toFixed(1)} s` : clock(milliseconds);
}

/** `0:03`, `12:05`, `1:02:03`. */
export function clock(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = String(seconds % 60).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}

/** Batches per second, or seconds per batch for slow ones. */
export function rateText(rate: number): string {
  if (rate === 0) return '';
  return rate >= 1 ? `${Number(rate.toPrecision(3))} batches/s` : `${Number((1 / rate).toPrecision(3))} s/batch`;
}

function metricTexts(metrics: Metrics): string[] {
  return Object.entries(metrics).map(([name, value]) => `${name} ${numberText(value)}`);
}

function barText(part: number, width: number, colour: boolean): string {
  const full = Math.round(Math.min(part, 1) * width);
  return paint('cyan', '━'.repeat(full), colour) + paint('gray', '─'.repeat(width - full), colour);
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

function paint(style: 'bold' | 'cyan' | 'gray', text: string, colour: boolean): string {
  return colour && text !== '' ? styleText(style, text, { validateStream: false }) : text;
}
