/** The script of the board's page: plain JavaScript for the browser, as text. */

export const SCRIPT = `
'use strict';
const COLORS = ['#1f77b4', '#ff7f0e', '#2ca02c', '#d62728', '#9467bd', '#8c564b', '#e377c2', '#7f7f7f', '#bcbd22', '#17becf'];
const at = (id) => document.getElementById(id);
const runs = {};
const hidden = new Set();
const figures = new Map();
const colorOf = (run) => COLORS[Object.keys(runs).sort().indexOf(run) % COLORS.length];

function showRuns() {
  at('runs').replaceChildren(...Object.keys(runs).sort().map((run) => {
    const label = document.createElement('label');
    const box = Object.assign(document.createElement('input'), { type: 'checkbox', checked: !hidden.has(run) });
    box.onchange = () => { box.checked ? hidden.delete(run) : hidden.add(run); draw(); };
    const dot = document.createElement('i');
    dot.style.background = colorOf(run);
    label.append(box, dot, run);
    return label;
  }));
}

function tags() {
  const all = [...new Set(Object.values(runs).flatMap(Object.keys))].sort();
  try { const wanted = new RegExp(at('filter').value); return all.filter((tag) => wanted.test(tag)); } catch { return all; }
}

function draw() {
  const shown = tags();
  at('none').hidden = shown.length > 0;
  for (const [tag, figure] of figures) if (!shown.includes(tag)) { figure.remove(); figures.delete(tag); }
  for (const tag of shown) {
    if (!figures.has(tag)) {
      const figure = document.createElement('figure');
      figure.dataset.tag = tag;
      figure.append(Object.assign(document.createElement('figcaption'), { textContent: tag }), document.createElement('canvas'));
      figures.set(tag, figure);
    }
    at('charts').append(figures.get(tag));
    chart(figures.get(tag).querySelector('canvas'), tag);
  }
}

// The exponential average, without the pull of its start.
function smooth(points, weight) {
  let sum = 0, norm = 0;
  return points.map(([x, y]) => { sum = sum * weight + y * (1 - weight); norm = norm * weight + 1 - weight; return [x, sum / norm]; });
}

function lines(tag) {
  const time = at('axis').value === 'time';
  const log = at('log').checked;
  return Object.keys(runs).sort().filter((run) => !hidden.has(run) && runs[run][tag]).map((run) => {
    const start = runs[run][tag][0]?.[2] ?? 0;
    const points = runs[run][tag].filter(([, y]) => y !== null && (!log || y > 0)).map(([step, y, wall]) => [time ? (wall - start) / 60 : step, y]);
    const scaled = (list) => (log ? list.map(([x, y]) => [x, Math.log10(y)]) : list);
    return { color: colorOf(run), raw: scaled(points), smoothed: scaled(smooth(points, Number(at('smoothing').value))) };
  });
}

function chart(canvas, tag) {
  const ratio = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  Object.assign(canvas, { width: width * ratio, height: height * ratio });
  const g = canvas.getContext('2d');
  g.scale(ratio, ratio);
  const all = lines(tag);
  const points = all.flatMap(({ raw }) => raw);
  canvas.dataset.lines = all.length;
  canvas.dataset.points = points.length;
  if (points.length === 0) return;
  const range = (i) => points.reduce(([a, b], p) => [Math.min(a, p[i]), Math.max(b, p[i])], [Infinity, -Infinity]);
  const [x0, x1] = widen(range(0), 0), [y0, y1] = widen(range(1), 0.05);
  canvas.dataset.range = [y0, y1].join(' ');
  const [left, bottom] = [48, height - 20];
  const px = (x) => left + ((x - x0) / (x1 - x0)) * (width - left - 8), py = (y) => bottom - ((y - y0) / (y1 - y0)) * (bottom - 8);
  const ink = getComputedStyle(document.body).color;
  g.font = '11px system-ui';
  g.fillStyle = ink;
  g.lineWidth = 1;
  const log = at('log').checked;
  for (const y of ticks(y0, y1)) { rule(g, left, py(y), width - 8, py(y)); g.textAlign = 'right'; g.fillText(short(log ? 10 ** y : y), left - 5, py(y) + 4); }
  for (const x of ticks(x0, x1)) { g.textAlign = 'center'; g.fillText(short(x), px(x), height - 5); }
  const line = (list, color, alpha) => {
    g.strokeStyle = color; g.globalAlpha = alpha; g.lineWidth = 1.6; g.beginPath();
    list.forEach(([x, y], i) => (i ? g.lineTo(px(x), py(y)) : g.moveTo(px(x), py(y))));
    if (list.length === 1) g.arc(px(list[0][0]), py(list[0][1]), 2, 0, 7);
    g.stroke(); g.globalAlpha = 1;
  };
  for (const { raw, color } of all) line(raw, color, 0.25);
  for (const { smoothed, color } of all) line(smoothed, color, 1);
}

function rule(g, x0, y0, x1, y1) { g.strokeStyle = '#8883'; g.beginPath(); g.moveTo(x0, y0); g.lineTo(x1, y1); g.stroke(); }
function widen([a, b], share) { const pad = a === b ? Math.abs(a) * 0.1 || 1 : (b - a) * share; return [a - pad, b + pad]; }
function ticks(a, b) {
  const rough = (b - a) / 4, power = 10 ** Math.floor(Math.log10(rough));
  const size = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const found = [];
  for (let t = Math.ceil(a / size) * size; t <= b + size * 1e-6; t += size) found.push(Math.abs(t) < size / 1e6 ? 0 : t);
  return found;
}
function short(x) { return x !== 0 && (Math.abs(x) >= 1e5 || Math.abs(x) < 1e-3) ? x.toExponential(1) : String(Number(x.toPrecision(4))); }

let waiting = false;
function drawSoon() { if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; draw(); }); } }
function take({ run, curves, reset }) {
  const isNew = !(run in runs);
  if (isNew || reset) runs[run] = {};
  for (const [tag, { from, points }] of Object.entries(curves)) {
    const known = runs[run][tag] ?? [];
    if (known.length < from) return void load(); // something was missed
    runs[run][tag] = known.slice(0, from).concat(points);
  }
  if (isNew) showRuns();
  drawSoon();
}
async function load() {
  const { directory, runs: all } = await (await fetch('data')).json();
  at('where').textContent = directory;
  for (const run of Object.keys(runs)) delete runs[run];
  Object.assign(runs, all);
  showRuns();
  drawSoon();
}
for (const id of ['filter', 'smoothing', 'log', 'axis']) at(id).oninput = () => { at('smoothed').value = at('smoothing').value; draw(); };
addEventListener('resize', drawSoon);
const news = new EventSource('events');
news.onmessage = ({ data }) => take(JSON.parse(data));
news.onopen = load;
`;
