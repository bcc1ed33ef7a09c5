/** `kelvin devices`: which engines can compute here, which one is used, and what the others lack. */
import { formatTable } from '../../core/table.ts';
import { describeEngines } from '../../engine/describe.ts';
import type { EngineReport } from '../../engine/types.ts';
import type { Context } from '../command.ts';
import { EXIT, type ExitCode } from '../exit.ts';
import { say } from '../io.ts';
import type { GeneralSettings } from '../settings.ts';
import { prepared } from '../setup.ts';

/** Prints the table of engines. */
export function devices(settings: GeneralSettings, { io }: Context): Promise<ExitCode> {
  return prepared(settings, async () => {
    const reports = await describeEngines();
    const rows = reports.map((report) => [report.name, stateOf(report), report.version ?? '', report.detail]);
    say(io, formatTable(['engine', 'state', 'version', 'runs on'], rows, ['left', 'left', 'left', 'left']));
    for (const { name, missing } of reports)
      if (missing.length > 0) say(io, '', `${name} runs without`, ...missing.map((one) => `  ${one}`));
    for (const { name, used, reason, remedy } of reports) {
      if (used || reason === undefined) continue;
      say(io, '', `${name}: ${reason}`, ...(remedy === undefined ? [] : [`  help: ${remedy}`]));
    }
    return EXIT.done;
  });
}

function stateOf({ used, available }: EngineReport): string {
  if (used) return 'used';
  return available ? 'available' : 'not available';
}
