// What the example's access log says, read from the raw file by nothing of Wayline's: the answers that the API has to give
// once the file was imported. Argument: the file, in Apache's combined format, compressed. Prints JSON:
// - facts: those of examples/README.md
// - hours: by hour (`2015-05-17T10`) the requests, and the visitors: pairs of client address and user agent
// - sessions: of each its requests, sorted, as `<time> <method> <path> <status> <bytes> <referrer> <agent>`
// - paths, statuses: how many requests each has
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const IDLE_SECONDS = 30 * 60;
// The quote that ends the agent is missing in one line.
const LINE = /^(\S+) \S+ \S+ \[([^\]]+)\] "(.*?)" (\d{3}) (\d+|-) "(.*?)" "(.*?)"?$/;

const lines = gunzipSync(readFileSync(process.argv[2])).toString('utf8').split('\n').filter(Boolean);

function read(line) {
  const [, address, time, request, status, bytes, rawReferrer, agent] = LINE.exec(line);
  // 17/May/2015:10:05:03 +0000
  const seconds = Date.parse(time.replaceAll('/', ' ').replace(':', ' ')) / 1000;
  // Bytes beyond ASCII are escaped, and are no UTF-8.
  const referrer = rawReferrer.replace(/\\x([0-9a-f]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  const [method, path] = request.split(' ');
  const told = [
    new Date(seconds * 1000).toISOString(),
    method,
    path,
    status,
    bytes === '-' ? '0' : bytes,
    referrer,
    agent,
  ];
  return { address, visitor: `${address}\n${agent}`, seconds, path, status, referrer, told: told.join(' ') };
}

const requests = lines.map(read);

const groupBy = (list, keyOf) => {
  const groups = new Map();
  for (const item of list) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
};
const countBy = (list, keyOf) =>
  Object.fromEntries([...groupBy(list, keyOf)].map(([key, group]) => [key, group.length]).sort());
const distinct = (list) => new Set(list).size;

const sessions = [];
for (const visits of groupBy(requests, ({ visitor }) => visitor).values()) {
  let last = Number.NEGATIVE_INFINITY;
  for (const request of [...visits].sort((a, b) => a.seconds - b.seconds)) {
    if (request.seconds - last > IDLE_SECONDS) sessions.push([]);
    sessions.at(-1).push(request.told);
    last = request.seconds;
  }
}

const hours = [...groupBy(requests, ({ seconds }) => new Date(seconds * 1000).toISOString().slice(0, 13))]
  .map(([hour, group]) => ({ hour, requests: group.length, visitors: distinct(group.map(({ visitor }) => visitor)) }))
  .sort((a, b) => (a.hour < b.hour ? -1 : 1));
const busiest = [...hours].sort((a, b) => b.requests - a.requests)[0];
const paths = countBy(requests, ({ path }) => path);
const statuses = countBy(requests, ({ status }) => status);

const facts = {
  lines: requests.length,
  addresses: distinct(requests.map(({ address }) => address)),
  visitors: distinct(requests.map(({ visitor }) => visitor)),
  sessions: sessions.length,
  hours: [hours.length, hours[0].hour, hours.at(-1).hour],
  busiestHour: [busiest.hour, busiest.requests],
  earlierThanTheLineBefore: requests.filter(({ seconds }, i) => i > 0 && seconds < requests[i - 1].seconds).length,
  withReferrer: requests.filter(({ referrer }) => referrer !== '-').length,
  found: statuses[200],
  notFound: statuses[404],
  mostRequested: Object.entries(paths).sort(([, a], [, b]) => b - a)[0],
};

process.stdout.write(
  JSON.stringify({ facts, hours, sessions: sessions.map((told) => told.sort()).sort(), paths, statuses }),
);
