import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseRfc3339 } from '@wayline/contracts';
import { findProject } from '@wayline/identity';
import { exportLines } from '@wayline/query';
import { eraseUser, readLong } from '@wayline/store';
import type { Config } from '../config.ts';
import { UsageError } from '../errors.ts';
import { withPool } from '../store-access.ts';
import type { Answer } from './admin.ts';

/** Erases a user; when it is ended midway, the same command goes on from there. */
export async function eraseUserCommand(
  config: Config<'admin'>,
  { project: slug, userId, before }: { project: string; userId: string; before: string | undefined },
): Promise<Answer> {
  const beforeMs = before === undefined ? undefined : timeOf(before);
  return withPool(config, async (pool) => {
    const { id: projectId } = await findProject(pool, slug);
    const report = await eraseUser(pool, { projectId, userId, beforeMs });
    const { events, sessionsRemoved, sessionsRecomputed, deadLetters, uniques } = report;
    const until = new Date(report.beforeMs).toISOString();
    return {
      fields: { project: slug, before: until, events, sessionsRemoved, sessionsRecomputed, deadLetters, uniques },
      text: [
        `Erased of project ${slug}, received before ${until}:`,
        `  ${events} events`,
        `  ${sessionsRemoved} sessions; ${sessionsRecomputed} more are summed up afresh from what others did in them`,
        `  ${deadLetters} dead letters`,
        `  ${uniques} rows that told when the user was seen`,
        'What the log still holds of that time is dropped when it is read.',
      ].join('\n'),
    };
  });
}

/** Over one snapshot, however long it takes, and as fast as the output takes it. */
export async function exportUserCommand(
  config: Config<'admin'>,
  { project: slug, userId }: { project: string; userId: string },
  output: NodeJS.WritableStream,
): Promise<void> {
  await withPool(config, async (pool) => {
    const { id: projectId } = await findProject(pool, slug);
    await readLong(pool, {}, async (reader) => {
      await pipeline(Readable.from(exportLines(reader, { projectId, userId })), withLineEnds, output, { end: false });
    });
  });
}

async function* withLineEnds(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}

function timeOf(text: string): number {
  const ms = parseRfc3339(text);
  if (ms === undefined) throw new UsageError('--before must be an RFC 3339 time, such as 2026-01-05T12:00:00Z.');
  if (ms > Date.now()) throw new UsageError('--before must not lie ahead.');
  return ms;
}
