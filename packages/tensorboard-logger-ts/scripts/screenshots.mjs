/**
 * Opens each tab of the real TensorBoard on the sample logs in headless Chromium and keeps a picture of it; fails when a
 * tab does not come to show its text. `node screenshots.mjs <python> <directory for the pictures>`. After the build.
 *
 * Needs playwright-core and a Chromium: CHROMIUM, or /usr/bin/chromium. TABS=graphs,mesh opens only those.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const [python = 'python3', pictures = 'tensorboard-pictures'] = process.argv.slice(2);
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--use-gl=swiftshader',
  '--enable-unsafe-swiftshader',
  '--disable-quic',
];
const QUIET = ['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** Each tab: its address and what it must come to show. */
const TABS = [
  ['timeseries', 'Loss'],
  ['scalars', 'Loss'],
  ['custom_scalars', 'training'],
  ['images', 'boxes'],
  ['audio', 'tone'],
  ['graphs', 'Main Graph'],
  ['distributions', 'drifting'],
  ['histograms', 'drifting'],
  ['text', 'classes'],
  ['pr_curves', 'pr'],
  ['mesh', 'tetrahedron'],
  ['hparams', 'optimizer'],
  ['projector', 'Total variance'],
];

const only = process.env.TABS?.split(',');
const logDir = mkdtempSync(join(tmpdir(), 'tensorboard-sample-'));
const sample = fileURLToPath(new URL('./write-sample.mjs', import.meta.url));
if (spawnSync(process.execPath, [sample, logDir], { stdio: 'inherit' }).status !== 0) process.exit(1);
mkdirSync(pictures, { recursive: true });
const port = await freePort();
const server = spawn(python, ['-m', 'tensorboard.main', '--logdir', logDir, '--port', String(port)], {
  stdio: 'ignore',
});
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [...FLAGS, ...QUIET],
});
let failed = 0;
try {
  await served(`http://127.0.0.1:${port}/data/plugins_listing`);
  for (const [tab, text] of TABS) if (only?.includes(tab) ?? true) await visit(tab, text);
} finally {
  await browser.close();
  server.kill();
  rmSync(logDir, { recursive: true, force: true });
}
process.stdout.write(`pictures in ${pictures}\n`);
process.exitCode = failed === 0 ? 0 : 1;

async function visit(tab, text) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.addInitScript(drawInSoftware);
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  try {
    await page.goto(`http://127.0.0.1:${port}/#${tab}`);
    await shown(page, text);
    await page.waitForLoadState('networkidle').catch(() => undefined);
    // Groups of tags are closed where there are many; a chart draws itself after its data is there.
    await page.waitForTimeout(1500);
    if (tab === 'graphs') await openBox(page, 'net/hidden');
    process.stdout.write(`ok     ${tab} shows "${text}"\n`);
  } catch {
    failed++;
    process.stdout.write(`FAILED ${tab} does not show "${text}" ${errors.join('; ')}\n`);
  }
  await page.screenshot({ path: join(pictures, `${tab}.png`) });
  await page.close();
}

// The projector is a frame in a frame.
async function shown(page, text) {
  for (const end = Date.now() + 60_000; Date.now() < end; ) {
    for (const frame of page.frames()) {
      const there = await frame
        .getByText(text)
        .first()
        .isVisible()
        .catch(() => false);
      if (there) return;
    }
    await page.waitForTimeout(300);
  }
  throw new Error(`No "${text}" within 60 seconds.`);
}

// The projector refuses slow WebGL, and without a graphics card there is no other.
function drawInSoftware() {
  const { getContext } = HTMLCanvasElement.prototype;
  HTMLCanvasElement.prototype.getContext = function (type, options) {
    return getContext.call(this, type, options && { ...options, failIfMajorPerformanceCaveat: false });
  };
}

// A model is a closed box at first; it opens with a double click.
async function openBox(page, inside) {
  await page.locator('g.node .nodeshape').first().dispatchEvent('dblclick');
  await page.locator(`g.node[data-name="${inside}"]`).waitFor({ state: 'attached', timeout: 20_000 });
  await page.waitForTimeout(1500);
}

async function served(address) {
  for (const end = Date.now() + 60_000; Date.now() < end; ) {
    const runs = await fetch(address).catch(() => undefined);
    if (runs?.ok && Object.values(await runs.json()).some(({ enabled }) => enabled)) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error('TensorBoard did not serve the sample within 60 seconds.');
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = probe.address();
      probe.close(() => resolve(free));
    });
  });
}
