import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { RemoteError, reasonOf, streamFromWayline } from '../ask-wayline.ts';
import { tokenSettings } from '../client-settings.ts';
import type { Config } from '../config.ts';
import { UsageError } from '../errors.ts';
import { tell } from '../report.ts';
import type { ExportOptions } from './export-options.ts';

/** Writes an export to a file, which gets its name once it is whole, or to the output. */
export async function exportCommand(
  config: Config<'export'>,
  options: ExportOptions,
  standardOutput: NodeJS.WritableStream,
): Promise<void> {
  const { path, query } = addressOf(options);
  const { headers, body } = await streamFromWayline(await tokenSettings(config, 'read'), path, query);
  const { output } = options;
  if (output === undefined) await sent(body, (from) => pipeline(from, standardOutput, { end: false }));
  else await sent(body, (from) => intoFile(from, output));
  const complete = headers.get('wayline-complete-through');
  if (complete === null) return;
  const lagging = headers.get('wayline-lagging');
  tell(`complete through ${complete}${lagging === null ? '' : `; not stored yet: ${lagging}`}`);
}

async function intoFile(from: Readable, file: string): Promise<void> {
  const part = `${file}.part`;
  try {
    await pipeline(from, createWriteStream(part));
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

async function sent(body: AsyncIterable<Uint8Array>, write: (from: Readable) => Promise<void>): Promise<void> {
  try {
    await write(Readable.from(body));
  } catch (error) {
    throw new RemoteError(`The export broke off: what was written is not all of it (${reasonOf(error)}).`);
  }
}

/** @throws UsageError where options do not go together */
function addressOf(options: ExportOptions): { path: string; query: Record<string, string | undefined> } {
  const { session, machine, from, to, type, format, escapeFormulas } = options;
  const refuse = (given: boolean, sentence: string): void => {
    if (given) throw new UsageError(sentence);
  };
  const ranged = from !== undefined || to !== undefined;
  const isTrace = format === 'otlp' || format === 'chrome';
  refuse(session !== undefined && machine !== undefined, 'Say --session or --machine, not both.');
  refuse(session !== undefined && ranged, 'A session is exported whole: leave --from and --to out.');
  refuse(machine !== undefined && type !== undefined, 'A machine is exported with all its types: leave --type out.');
  refuse(isTrace && session === undefined, `--format ${format} is of one session: say --session.`);
  refuse(isTrace && type !== undefined, `--format ${format} has all events of the session: leave --type out.`);
  refuse(escapeFormulas === true && format !== 'csv', '--escape-formulas is for --format csv.');
  const formulas = escapeFormulas ? 'escape' : undefined;
  const of = (id: string): string => encodeURIComponent(id);
  if (session !== undefined) {
    return { path: `/v1/sessions/${of(session)}/${isTrace ? 'trace' : 'export'}`, query: { format, type, formulas } };
  }
  if (machine !== undefined)
    return { path: `/v1/machines/${of(machine)}/export`, query: { format, from, to, formulas } };
  return { path: '/v1/export', query: { format, from, to, type, formulas } };
}
