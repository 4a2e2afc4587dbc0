import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type Closers, runProgram, UsageError } from '@wayline/testkit';
import type { BenchFindings } from './benches/bench-findings.ts';
import { type BenchOptions, LOGS } from './benches/bench-options.ts';
import { benchDoors } from './benches/doors.ts';
import { benchIngest } from './benches/ingest.ts';
import { benchOverload } from './benches/overload.ts';
import { benchQuery } from './benches/query.ts';
import { benchSoak } from './benches/soak.ts';
import { benchThrottle } from './benches/throttle.ts';
import { benchWorker } from './benches/worker.ts';
import type { BenchCase, BenchReport } from './report/bench-report.ts';
import { caseTable } from './report/case-table.ts';
import { doorsTable } from './report/doors-table.ts';
import { commitHere, describeMachine } from './report/machine.ts';
import { queryTable } from './report/query-table.ts';
import { throttleTable } from './report/throttle-table.ts';
import { workerTable } from './report/worker-table.ts';

interface Bench {
  run(closers: Closers, options: BenchOptions): Promise<BenchFindings>;
  table(cases: readonly BenchCase[]): string;
}

const BENCHES: Readonly<Record<string, Bench>> = {
  ingest: { run: benchIngest, table: caseTable },
  doors: { run: benchDoors, table: doorsTable },
  soak: { run: benchSoak, table: caseTable },
  overload: { run: benchOverload, table: caseTable },
  worker: { run: benchWorker, table: workerTable },
  throttle: { run: benchThrottle, table: throttleTable },
  query: { run: benchQuery, table: queryTable },
};

const USAGE = `npm run bench -- NAME [options]; NAME is one of ${Object.keys(BENCHES).join(', ')}
  --help             says this
  --quick            one short run of a few cases, to see that it works
  --json FILE        writes the figures to a file, too
  --log LOG          ${LOGS.join(' or ')}; both may be given (default: ${LOGS.join(' and ')} for ingest, kafka for the others)
  --only TEXT        of ingest, the doors, the worker, the throttle and the queries, only cases whose name holds the text, such as "100 events"
  --seconds N        the length of each load (default 5; of the worker's and the throttle's 20; of each query 20 at most)
  --runs N           the number of runs (default 3)
  --minutes N        the length of the soak (default 10)
  --events N         of the soak and the overload, events in each request (default 100); of the worker, records in
                     the log (default 1000000); of the doors, the same (default 300000); of the throttle, records of the
                     backlog when a drain begins (default 2000000); of the queries, events of the 30 days (default 10000000)
  --keep FOLDER      of the queries: leaves the filled database there, for later runs
  --from FOLDER      of the queries: asks one that was left there; what is stored meanwhile stays in it
  --kafka HOST:PORT  a Kafka to use, several by comma; else one is started. Not for the worker, the throttle
                     and the drains of the doors, as --log`;

/**
 * Runs a benchmark: the table on standard output, how far it is on standard error.
 * @returns the exit code: 0, or 1 where something does not hold that must, or 2 after a wrong command line
 */
export async function main(args: readonly string[]): Promise<number> {
  return runProgram(USAGE, async ({ closers, say }) => {
    const command = readCommand(args, (text) => say(`· ${text}`));
    if (command === 'help') {
      process.stdout.write(`${USAGE}\n`);
      return 0;
    }
    const { name, bench, options, json } = command;
    const commit = await commitHere();
    const { cases, failures } = await bench.run(closers, options);
    if (cases.length === 0) throw new UsageError(`There is no case whose name holds "${options.only}".`);
    const report: BenchReport = { bench: name, machine: describeMachine(), commit, cases, failures };
    process.stdout.write(`${bench.table(cases)}\n`);
    for (const failure of failures) say(`FAILED ${failure}`);
    if (json) await writeFile(json, `${JSON.stringify(report, null, 2)}\n`);
    return failures.length === 0 ? 0 : 1;
  });
}

function readCommand(args: readonly string[], tell: (text: string) => void) {
  const { values, positionals } = parse(args);
  if (values.help) return 'help';
  const [name = '', ...more] = positionals;
  const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
  if (!bench || more.length > 0) throw new UsageError(`There is no benchmark "${positionals.join(' ')}".`);
  if (['worker', 'throttle', 'query'].includes(name) && (values.log ?? values.kafka) !== undefined) {
    throw new UsageError('This is measured on a Kafka of its own, which is filled: --log and --kafka are not for it.');
  }
  const logs = values.log ?? (name === 'ingest' ? LOGS : LOGS.slice(0, 1));
  const unknown = logs.find((log) => !LOGS.some((known) => known === log));
  if (unknown !== undefined) throw new UsageError(`There is no log "${unknown}".`);
  const number = (option: 'seconds' | 'runs' | 'minutes' | 'events'): number | undefined => {
    const given = values[option];
    if (given === undefined || Number(given) > 0) return given === undefined ? undefined : Number(given);
    throw new UsageError(`--${option} must be a number above 0, which "${given}" is not.`);
  };
  const options: BenchOptions = {
    quick: values.quick === true,
    logs: LOGS.filter((log) => logs.includes(log)),
    only: values.only,
    seconds: number('seconds'),
    runs: number('runs'),
    minutes: number('minutes'),
    events: number('events'),
    keep: values.keep,
    from: values.from,
    brokers: values.kafka?.split(','),
    tell,
  };
  return { name, bench, options, json: values.json };
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        quick: { type: 'boolean' },
        json: text,
        log: { type: 'string', multiple: true },
        only: text,
        seconds: text,
        runs: text,
        minutes: text,
        events: text,
        keep: text,
        from: text,
        kafka: text,
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
