/**
 * The page of `kelvin board`: one file without anything from elsewhere. A chart per tag with all runs overlaid; smoothing,
 * log scale, steps or minutes; new points are drawn as they come. Texts reach the page as text, never as HTML.
 */
import { SCRIPT } from './page-script.ts';

const STYLE = `
:root { color-scheme: light dark; font: 14px system-ui, sans-serif; --line: #8884; }
body { margin: 0; display: grid; grid-template-columns: 240px 1fr; min-height: 100vh; }
aside { border-right: 1px solid var(--line); padding: 16px; position: sticky; top: 0; height: 100vh; overflow: auto; box-sizing: border-box; }
h1 { font-size: 18px; margin: 0 0 4px; }
#where { opacity: .6; font-size: 12px; overflow-wrap: anywhere; }
label { display: block; margin: 10px 0; }
#runs label { margin: 4px 0; overflow-wrap: anywhere; }
#runs i { display: inline-block; width: 10px; height: 10px; border-radius: 5px; margin: 0 6px; }
input[type=range], input[type=search] { width: 100%; box-sizing: border-box; }
main { padding: 16px; display: grid; grid-template-columns: repeat(auto-fill, minmax(340px, 1fr)); gap: 16px; align-content: start; }
figure { margin: 0; border: 1px solid var(--line); border-radius: 8px; padding: 10px; }
figcaption { font-weight: 600; margin-bottom: 6px; overflow-wrap: anywhere; }
canvas { width: 100%; height: 220px; display: block; }
#none { grid-column: 1 / -1; opacity: .7; }
`;

export const PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Kelvin board</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:">
<link rel="icon" href="data:,"><style>${STYLE}</style></head>
<body><aside><h1>Kelvin board</h1><div id="where"></div>
<label>Tags <input id="filter" type="search" placeholder="regular expression"></label>
<label>Smoothing <output id="smoothed">0.6</output><input id="smoothing" type="range" min="0" max="0.99" step="0.01" value="0.6"></label>
<label><input id="log" type="checkbox"> Log scale</label>
<label>X axis <select id="axis"><option value="step">steps</option><option value="time">minutes</option></select></label>
<b>Runs</b><div id="runs"></div></aside>
<main id="charts"><p id="none">No scalars yet. They appear as they are written.</p></main>
<script>${SCRIPT}</script></body></html>
`;
