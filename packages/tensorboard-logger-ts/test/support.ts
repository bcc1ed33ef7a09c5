/** What the tests share: a directory that goes away, a fixed clock, and the package compiled for child processes. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readEvents, type SummaryValue, type TensorBoardEvent } from 'tensorboard-logger-ts';
import ts from 'typescript';
import { afterEach } from 'vitest';

const made: string[] = [];

/** A new empty directory, removed after the test. */
export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'tensorboard-logger-'));
  made.push(dir);
  return dir;
}

afterEach(() => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
});

export async function allEvents(fileOrDir: string): Promise<TensorBoardEvent[]> {
  const events: TensorBoardEvent[] = [];
  for await (const event of readEvents(fileOrDir)) events.push(event);
  return events;
}

/** All values of a run, each with its step. */
export async function allValues(fileOrDir: string): Promise<(SummaryValue & { step: number })[]> {
  return (await allEvents(fileOrDir)).flatMap(({ step, values }) => values.map((value) => ({ ...value, step })));
}

/** The records of a file as hexadecimal text, framing included, split by their lengths alone. */
export function rawRecords(file: string): string[] {
  const bytes = readFileSync(file);
  const records: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 16 + Number(bytes.readBigUInt64LE(at));
    records.push(bytes.toString('hex', at, end));
    at = end;
  }
  return records;
}

/** Compiles the sources to JavaScript in `dir`, for child processes; returns the path of the entry. */
export function compilePackage(dir: string): string {
  const source = fileURLToPath(new URL('../src', import.meta.url));
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const compilerOptions: ts.CompilerOptions = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2022,
    verbatimModuleSyntax: true,
    rewriteRelativeImportExtensions: true,
  };
  for (const name of files) {
    const target = join(dir, name.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, ts.transpileModule(readFileSync(join(source, name), 'utf8'), { compilerOptions }).outputText);
  }
  cpSync(fileURLToPath(new URL('../package.json', import.meta.url)), join(dir, 'package.json'));
  return join(dir, 'index.js');
}
