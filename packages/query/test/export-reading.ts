import { setTimeout as sleep } from 'node:timers/promises';
import { signAccessToken } from '@wayline/identity/verify';
import type { Pool } from '@wayline/store';
import { type Asking, type QueryUnderTest, SECRET } from './query-under-test.ts';

export interface Exported {
  status: number;
  headers: Headers;
  text: string;
}

/** How one asks: with a token of the project 1 for reading, if nothing else is said. */
export async function authorization({
  projectId = 1,
  scopes = ['read'],
  credential,
}: Asking = {}): Promise<Record<string, string>> {
  const claims = { projectId, subject: 'tester', scopes, expiresInSeconds: 60 };
  const token = credential ?? (await signAccessToken(claims, SECRET));
  return credential === null ? {} : { authorization: `Bearer ${token}` };
}

/** An answer as text, whatever its form. */
export async function fetchText(
  { url }: Pick<QueryUnderTest, 'url'>,
  path: string,
  asking?: Asking,
): Promise<Exported> {
  const response = await fetch(url + path, { headers: await authorization(asking) });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** The lines of an NDJSON export, as texts. */
export async function exportedLines(
  query: Pick<QueryUnderTest, 'url'>,
  path: string,
  asking?: Asking,
): Promise<string[]> {
  const { status, text } = await fetchText(query, path, asking);
  if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line has no end');
  return text.split('\n').slice(0, -1);
}

/** The rows of a CSV of RFC 4180, fields as they were before they were written; undefined is empty without quotes. */
export function readCsv(text: string): (string | undefined)[][] {
  const rows: (string | undefined)[][] = [];
  let row: (string | undefined)[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y;
  while (field.lastIndex < text.length) {
    const found = field.exec(text);
    if (!found) throw new Error(`no CSV at ${field.lastIndex}`);
    const [, quoted, bare, end] = found;
    row.push(quoted !== undefined ? quoted.replaceAll('""', '"') : bare === '' ? undefined : bare);
    if (end === ',') continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

/** What the API has under way in the database. */
export async function underWay(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query(
    `SELECT query FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'query test'
       AND state <> 'idle' AND pid <> pg_backend_pid()`,
  );
  return rows.map((row) => row.query);
}

/** Resolves when it is so. */
export async function until(what: () => Promise<boolean>, ms = 5_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await what())) {
    if (Date.now() > deadline) throw new Error('it did not come to that');
    await sleep(20);
  }
}
