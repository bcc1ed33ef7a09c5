/** Pages that need nothing from elsewhere: what every report of this folder is put into. Light and dark. */
import { escaped } from '../../core/charts/index.ts';

const STYLE = `
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1240px; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 0.6rem; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
.wide { overflow-x: auto; }
.tables { display: flex; flex-wrap: wrap; gap: 0 3rem; align-items: flex-start; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 1.5rem; }
figure { margin: 0; } svg { width: 100%; height: auto; }
.lead { font-size: 1.15rem; } .note { opacity: 0.75; }`;

/** A whole page. `title` is text, `body` is HTML. */
export function htmlPage(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title><style>${STYLE}</style></head><body>
<h1>${escaped(title)}</h1>
${body}
</body></html>
`;
}

/** A table of texts. */
export function htmlTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (kind: 'th' | 'td', cellsOfLine: readonly string[]) =>
    `<tr>${cellsOfLine.map((cell) => `<${kind}>${escaped(cell)}</${kind}>`).join('')}</tr>`;
  return `<table><thead>${line('th', header)}</thead><tbody>${rows.map((row) => line('td', row)).join('')}</tbody></table>`;
}

/** Charts side by side, as many as fit. */
export function htmlFigures(charts: readonly string[]): string {
  return `<div class="charts">${charts.map((svg) => `<figure>${svg}</figure>`).join('\n')}</div>`;
}

/** Everything as JSON, folded up. */
export function htmlData(data: unknown): string {
  return `<h2>All figures as data</h2>
<details><summary>JSON</summary><pre>${escaped(JSON.stringify(data, null, 1))}</pre></details>`;
}
