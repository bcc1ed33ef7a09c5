/** A file in Chrome's trace-event format, JSON at every moment: each write takes the place of the closing bracket. */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname, extname } from 'node:path';

/** One event. `X` is a slice with a beginning and a length, in microseconds; `M` names a process or track. */
export type TraceEvent =
  | {
      readonly ph: 'X';
      readonly name: string;
      readonly cat: string;
      readonly ts: number;
      readonly dur: number;
      readonly pid: number;
      readonly tid: number;
    }
  | {
      readonly ph: 'M';
      readonly name: 'process_name' | 'thread_name';
      readonly pid: number;
      readonly tid: number;
      readonly args: { readonly name: string };
    };

const END = '\n]\n';

export class TraceFile {
  readonly path: string;
  #position = 0;
  #empty = true;

  /** Makes the file; where there is one of that name, one beside it: `trace-1.json`. Throws what the file system throws. */
  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true });
    this.path = newFile(path);
    this.#write('[', END);
  }

  append(events: readonly TraceEvent[]): void {
    if (events.length === 0) return;
    this.#write(`${this.#empty ? '' : ','}\n${events.map((event) => JSON.stringify(event)).join(',\n')}`, END);
    this.#empty = false;
  }

  #write(text: string, end: string): void {
    const bytes = Buffer.from(text + end);
    const file = openSync(this.path, 'r+');
    try {
      writeSync(file, bytes, 0, bytes.length, this.#position);
    } finally {
      closeSync(file);
    }
    this.#position += bytes.length - end.length;
  }
}

function newFile(path: string): string {
  const extension = extname(path);
  const stem = path.slice(0, path.length - extension.length);
  for (let i = 0; ; i++) {
    const free = i === 0 ? path : `${stem}-${i}${extension}`;
    try {
      closeSync(openSync(free, 'wx'));
      return free;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}
