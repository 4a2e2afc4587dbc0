import { readFile } from 'node:fs/promises';
import { askWayline } from '../ask-wayline.ts';
import { type ClientSettings, tokenSettings } from '../client-settings.ts';
import type { Config } from '../config.ts';
import {
  type CauseJson,
  causeLine,
  type DeadLetterJson,
  type DiscardJson,
  deadLetterLine,
  deadLetterText,
  discardLine,
  type ReplayJson,
  replayLine,
  type ShownJson,
} from '../dead-letters/dead-letter-text.ts';
import { EXIT, type ExitCode, messageOf, UsageError } from '../errors.ts';
import type { Answer } from './admin.ts';

/** Which dead letters are meant, as the options say it. */
export interface Selection {
  state?: 'open' | 'replayed' | 'discarded' | 'all';
  code?: string;
  cause?: string;
  topic?: string;
  session?: string;
  from?: string;
  to?: string;
  all?: boolean;
}

export interface Outcome extends Answer {
  exitCode: ExitCode;
}

type Query = Record<string, string | undefined>;
type DeadLettersConfig = Config<'dead-letters'>;

const PAGE = 1000;
const PATH = '/v1/dead-letters';

export async function listDeadLetters(
  config: DeadLettersConfig,
  { limit, ...selection }: Selection & { limit: number },
): Promise<Answer> {
  const target = await tokenSettings(config);
  const found: DeadLetterJson[] = [];
  let cursor: string | undefined;
  do {
    const query = { ...queryOf(selection), limit: String(Math.min(PAGE, limit - found.length)), cursor };
    const page = await askWayline<{ deadLetters: DeadLetterJson[]; nextCursor: string | null }>(target, PATH, {
      query,
    });
    found.push(...page.deadLetters);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && found.length < limit);
  const lines = found.map(deadLetterLine);
  if (cursor !== undefined) lines.push(`There are more: --limit ${limit * 10}`);
  return {
    fields: { deadLetters: found, more: cursor !== undefined },
    text: lines.join('\n') || 'There are none.',
  };
}

export async function deadLetterCauses(config: DeadLettersConfig, selection: Selection): Promise<Answer> {
  const target = await tokenSettings(config);
  const query = { ...queryOf(selection), limit: String(PAGE) };
  const { causes } = await askWayline<{ causes: CauseJson[] }>(target, `${PATH}/causes`, { query });
  return { fields: { causes }, text: causes.map(causeLine).join('\n') || 'There are none.' };
}

export async function showDeadLetter(config: DeadLettersConfig, id: string, eventAlone: boolean): Promise<Answer> {
  const target = await tokenSettings(config);
  const shown = await askWayline<ShownJson>(target, `${PATH}/${idOf(id)}`);
  if (!eventAlone) return { fields: { ...shown }, text: deadLetterText(shown) };
  const { event } = shown;
  if (typeof event !== 'object' || event === null) {
    throw new UsageError(`The dead letter ${id} holds nothing that can be read as an event; write one to replay it.`);
  }
  return { fields: { ...event }, text: JSON.stringify(event, null, 2) };
}

export async function replayDeadLetters(
  config: DeadLettersConfig,
  ids: readonly string[],
  options: Selection & { event?: string; dryRun?: boolean; ignoreKey?: boolean },
): Promise<Outcome> {
  requireSelection(ids, options);
  const { event: file, dryRun = false, ignoreKey = false } = options;
  if (file !== undefined && ids.length !== 1)
    throw new UsageError('--event takes the place of one: name its id alone.');
  const event = file === undefined ? undefined : await readEvent(file);
  const target = await tokenSettings(config);
  const how = { dryRun, ignoreKey };
  const results: ReplayJson[] = [];
  for (const id of inOrder(ids)) {
    const body = { ...how, ...(event !== undefined && { event }) };
    results.push(await askWayline<ReplayJson>(target, `${PATH}/${id}/replay`, { method: 'POST', body }));
  }
  if (ids.length === 0) results.push(...(await replaySelected(target, options, how)));
  const refused = results.filter(({ outcome }) => outcome === 'refused').length;
  const others = results.length - refused;
  const summary = `${others} ${dryRun ? 'would be replayed' : 'replayed'}, ${refused} refused.`;
  return {
    fields: { results, [dryRun ? 'wouldReplay' : 'replayed']: others, refused },
    text: [...results.map(replayLine), summary].join('\n'),
    exitCode: refused > 0 ? EXIT.fault : EXIT.stopped,
  };
}

async function replaySelected(target: ClientSettings, selection: Selection, body: object): Promise<ReplayJson[]> {
  const results: ReplayJson[] = [];
  let cursor: string | undefined;
  do {
    const query = { ...queryOf(selection), limit: String(PAGE), cursor };
    const request = { method: 'POST' as const, query, body };
    const page = await askWayline<{ results: ReplayJson[]; nextCursor: string | null }>(
      target,
      `${PATH}/replay`,
      request,
    );
    results.push(...page.results);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return results;
}

export async function discardDeadLetters(
  config: DeadLettersConfig,
  ids: readonly string[],
  selection: Selection,
): Promise<Outcome> {
  requireSelection(ids, selection);
  const target = await tokenSettings(config);
  const results: DiscardJson[] = [];
  for (const id of inOrder(ids)) {
    results.push(await askWayline<DiscardJson>(target, `${PATH}/${id}/discard`, { method: 'POST' }));
  }
  const kept = results.filter(({ outcome }) => outcome.startsWith('already-repl')).length;
  let discarded = results.filter(({ outcome }) => outcome === 'discarded').length;
  for (let more = ids.length === 0; more; ) {
    const query = { ...queryOf(selection), limit: String(PAGE) };
    const request = { method: 'POST' as const, query };
    const page = await askWayline<{ discarded: number; more: boolean }>(target, `${PATH}/discard`, request);
    discarded += page.discarded;
    more = page.more;
  }
  return {
    fields: { discarded, ...(ids.length > 0 && { results }) },
    text: [...results.map(discardLine), `${discarded} discarded.`].join('\n'),
    exitCode: kept > 0 ? EXIT.fault : EXIT.stopped,
  };
}

function queryOf({ state = 'open', code, cause, topic, session, from, to }: Selection): Query {
  return { state: state === 'all' ? undefined : state, code, cause, topic, sessionId: session, from, to };
}

/** What changes something is never meant by leaving everything out. */
function requireSelection(ids: readonly string[], { all, ...selection }: Selection): void {
  const { state, code, cause, topic, session, from, to } = selection;
  const filtered = [state, code, cause, topic, session, from, to].some((each) => each !== undefined);
  const ways = [ids.length > 0, filtered, all === true].filter(Boolean).length;
  if (ways === 0) throw new UsageError('Say which: ids, a filter such as --code or --cause, or --all.');
  if (ways > 1) throw new UsageError('Say ids, or a filter, or --all; not several of them.');
  if (state === 'all') throw new UsageError('--state all is for looking; say open, replayed or discarded.');
}

function idOf(text: string): string {
  if (/^[1-9]\d{0,14}$/.test(text)) return text;
  throw new UsageError(`A dead letter is named by its number, which "${text}" is not.`);
}

/** As they were put aside: so those of a session go in the order in which the log had them. */
const inOrder = (ids: readonly string[]): string[] => [...new Set(ids.map(idOf))].sort((a, b) => Number(a) - Number(b));

async function readEvent(file: string): Promise<unknown> {
  let text: string;
  try {
    text = file === '-' ? await readStandardInput() : await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${messageOf(error)}.`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${file} is not valid JSON: ${messageOf(error)}.`);
  }
}

async function readStandardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
