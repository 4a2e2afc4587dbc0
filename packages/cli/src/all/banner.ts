import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DataFolder } from '../data-folder.ts';
import type { DevFile } from '../dev-file.ts';

export interface BannerFacts {
  dev: DevFile;
  folder: DataFolder;
  /** What stores: in words, without a password. */
  log: string;
  database: string;
  /** Whether the data folder is the one that commands look into when nothing is set. */
  usualFolder: boolean;
  startedInMs: number;
  workingDirectory: string;
}

const SESSION = 'first-session';

/** What `wayline all` prints when it is ready. Every line that begins with a command works as it is printed. */
export function banner(facts: BannerFacts): string {
  const { dev, folder, startedInMs } = facts;
  return `
Wayline is ready (${(startedInMs / 1000).toFixed(1)} s): ${dev.url}

  Log         ${facts.log}
  Database    ${facts.database}
  Data        ${folder.path}
  Dashboard   ${dev.dashboardUrl}#token=${dev.token}
  API         ${dev.url}/docs
  Project     ${dev.project}
  Write key   ${dev.writeKey}
  Token       ${dev.token}

Send an event; read its session; see that nothing was lost:

${curlLines(dev).join('\n\n')}

Import the example log, 10,000 requests to a web site:

${importLine(facts)}

Key and token are also in ${folder.devFile}. Stop with Ctrl-C; the data stays.
`;
}

/** All may be pasted at once: the reading tries again while the event is on its way, which takes some milliseconds. */
function curlLines({ url, writeKey, token }: DevFile): string[] {
  const event = JSON.stringify({
    sessionId: SESSION,
    type: 'pageVisit',
    userId: 'user-1',
    source: { kind: 'app', name: 'shop' },
    page: '/welcome',
  });
  const read = (path: string) =>
    `curl -sf -w '\\n' --retry 3 --retry-all-errors ${url}${path} -H 'Authorization: Bearer ${token}'`;
  return [
    `curl -sS -w '\\n' ${url}/v1/events -H 'Authorization: Bearer ${writeKey}' -H 'Content-Type: application/json' -d '${event}'`,
    read(`/v1/sessions/${SESSION}/events`),
    read('/v1/ledger'),
  ];
}

function importLine({ folder, usualFolder, workingDirectory }: BannerFacts): string {
  const example = fileURLToPath(new URL('../../../../examples/apache_access.log.gz', import.meta.url));
  const near = relative(workingDirectory, example);
  const file = near.startsWith('..') ? example : near;
  const setting = usualFolder ? '' : `WAYLINE_DATA_DIR=${quoted(folder.path)} `;
  return `${setting}npx wayline import --format access-log ${quoted(file)}`;
}

const quoted = (text: string): string => (/^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
