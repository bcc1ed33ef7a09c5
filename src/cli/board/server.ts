/** A small server for the page that shows runs where there is no TensorBoard: the page, all points, and news of them. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigError } from '../../core/errors.ts';
import { RunCurves } from './curves.ts';
import { PAGE } from './page.ts';

/** A server that runs. */
export interface Board {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves the runs below `directory` on this machine only. `port` 0 takes any that is free.
 *
 * @throws ConfigError `port-in-use`
 */
export async function serveBoard(
  directory: string,
  { port, pollSecs = 1 }: { port: number; pollSecs?: number | undefined },
): Promise<Board> {
  const curves = new RunCurves(directory, { pollSecs });
  const server = createServer((request, response) => answer(request, response, directory, curves));
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
  } catch (error) {
    await curves.stop();
    throw portError(port, error);
  }
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${taken}/`,
    async close() {
      await curves.stop();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function answer(request: IncomingMessage, response: ServerResponse, directory: string, curves: RunCurves): void {
  // A page elsewhere may not read the runs by a name that it makes lead to this machine.
  const host = (request.headers.host ?? '').replace(/:\d+$/, '');
  const path = new URL(request.url ?? '/', 'http://localhost').pathname;
  if (host !== '127.0.0.1' && host !== 'localhost') send(response, 403, 'text/plain', 'Only for this machine.\n');
  else if (path === '/') send(response, 200, 'text/html; charset=utf-8', PAGE);
  else if (path === '/data') {
    const problems = Object.fromEntries(curves.problems);
    send(response, 200, 'application/json', JSON.stringify({ directory, runs: curves.all(), problems }));
  } else if (path === '/events') stream(response, curves);
  else send(response, 404, 'text/plain', 'Not found.\n');
}

// Server-sent events: one message per run that has news.
function stream(response: ServerResponse, curves: RunCurves): void {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  response.write(': listening\n\n');
  const stop = curves.onChange((change) => response.write(`data: ${JSON.stringify(change)}\n\n`));
  response.on('close', stop);
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(body);
}

function portError(port: number, cause: unknown): unknown {
  if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') return cause;
  return new ConfigError(`kelvin board: port ${port}`, {
    code: 'port-in-use',
    expected: 'a port that is free',
    got: 'one that another program has',
    help: 'choose another with `--port`, or 0 for any',
    cause,
  });
}
