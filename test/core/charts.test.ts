/** Charts for reports: points lie where they should, ticks are round, and text stays text. */
import fc from 'fast-check';
import { lineChart, rangeChart } from 'kelvin';
import { expect, test } from 'vitest';

const numbers = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((match) => Number(match[1]));

test('points stand in proportion to their values', () => {
  const points = [
    [0, 10],
    [1, 20],
    [4, 10],
  ] as const;
  const svg = lineChart({ title: 't', x: 'x', y: 'y', series: [{ name: 's', points }], scatter: true });
  const [x0, x1, x2] = numbers(svg, /<circle cx="([\d.]+)"/g) as [number, number, number];
  const [y0, y1, y2] = numbers(svg, /<circle cx="[\d.]+" cy="([\d.]+)"/g) as [number, number, number];
  expect((x1 - x0) / (x2 - x0)).toBeCloseTo(1 / 4, 2);
  expect(y0).toBe(y2);
  expect(y1, 'up is less').toBeLessThan(y0);
});

test('on a logarithmic axis equal factors are equally far apart', () => {
  const points = [1, 10, 100].map((x) => [x, 1] as const);
  const chart = { title: 't', x: 'x', y: 'y', series: [{ name: 's', points }], scatter: true };
  const [a, b, c] = numbers(lineChart({ ...chart, xScale: { logarithmic: true } }), /<circle cx="([\d.]+)"/g);
  expect((b as number) - (a as number)).toBeCloseTo((c as number) - (b as number), 0);
});

test('a range reaches from low to high around its value', () => {
  const svg = rangeChart({ title: 't', x: 'x', ranges: [{ name: 'n', value: 3, low: 1, high: 4 }] });
  const [low] = numbers(svg, /<line x1="([\d.]+)"[^>]*stroke-width="3"/g) as [number];
  const [high] = numbers(svg, /<line x1="[\d.]+" x2="([\d.]+)"[^>]*stroke-width="3"/g) as [number];
  const [value] = numbers(svg, /<circle cx="([\d.]+)"/g) as [number];
  expect((value - low) / (high - low)).toBeCloseTo(2 / 3, 2);
});

test('names of any length and number have room', () => {
  const name = 'a student with a long name, distilled at T 20';
  const least = 5.5 * name.length; // narrow letters
  const width = (svg: string): number => numbers(svg, /viewBox="0 0 ([\d.]+)/g)[0] as number;
  const range = rangeChart({ title: 't', x: 'x', ranges: [{ name, value: 3, low: 1, high: 4 }] });
  expect(numbers(range, /<text x="([\d.]+)"[^>]*text-anchor="end">a student/g)[0]).toBeGreaterThan(least);
  const points = [
    [0, 1],
    [1, 1],
  ] as const;
  const series = Array.from({ length: 40 }, (_, i) => ({ name: `${name} ${i}`, points }));
  const lines = lineChart({ title: 't', x: 'x', y: 'y', series });
  const ends = numbers(lines, /<text x="([\d.]+)"[^>]*>a student/g);
  expect(width(lines) - Math.max(...ends)).toBeGreaterThan(least);
  const heights = numbers(lines, /<text x="[\d.]+" y="(-?[\d.]+)"[^>]*>a student/g);
  const height = numbers(lines, /viewBox="0 0 [\d.]+ ([\d.]+)/g)[0] as number;
  expect([Math.min(...heights) > 12, Math.max(...heights) < height]).toEqual([true, true]);
  heights.sort((a, b) => a - b);
  for (const [i, at] of heights.entries())
    if (i > 0) expect(at - (heights[i - 1] as number)).toBeGreaterThanOrEqual(14);
  const titled = rangeChart({ title: name.repeat(3), x: 'x', ranges: [] });
  expect(width(titled)).toBeGreaterThan(3 * least);
});

test('whatever the values, nothing but finite numbers is drawn, and names cannot break out', () => {
  const value = fc.oneof(
    fc.double({ min: -1e12, max: 1e12, noNaN: true }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(0, 1, Number.MIN_VALUE, 1e20, Number.MAX_VALUE, -Number.MAX_VALUE),
  );
  const series = fc.array(fc.record({ name: fc.string(), points: fc.array(fc.tuple(value, value), { maxLength: 5 }) }));
  fc.assert(
    fc.property(series, fc.boolean(), fc.boolean(), (given, logarithmic, whole) => {
      const svg = lineChart({ title: '<script>', x: '&', y: '"', series: given, yScale: { logarithmic, whole } });
      expect(svg.replace(/>[^<]*</g, '><')).not.toMatch(/NaN|Infinity|<script/);
      const ticks = rangeChart({
        title: 't',
        x: 'x',
        ranges: given.flatMap(({ name, points }) =>
          points.map(([low, high]) => ({
            name,
            low: Math.min(low, high),
            value: (low + high) / 2,
            high: Math.max(low, high),
          })),
        ),
      });
      const ranges = given.reduce((sum, { points }) => sum + points.length, 0);
      expect((ticks.match(/<text/g)?.length ?? 0) - 2 - 2 * ranges, 'ticks').toBeLessThanOrEqual(7);
    }),
    { numRuns: 200 },
  );
});

test('a tiny value on a logarithmic axis of whole numbers draws no tick at the logarithm of zero', () => {
  const series = [{ name: 's', points: [[0, 2e-247] as const] }];
  const svg = lineChart({ title: 't', x: 'x', y: 'y', series, yScale: { logarithmic: true, whole: true } });
  expect(svg).not.toMatch(/NaN|Infinity/);
});
