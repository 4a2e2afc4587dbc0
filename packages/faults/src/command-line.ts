import { parseArgs } from 'node:util';
import { UsageError } from '@wayline/testkit';
import { KNOWN_BUGS, type PlantedBug } from './bugs/known-bugs.ts';
import { ALL_KINDS } from './kinds/all-kinds.ts';
import type { FaultKind } from './kinds/fault-kind.ts';

export interface Command {
  seed: number;
  faults: number;
  quick: boolean;
  rate: number;
  workers: number;
  kinds: readonly FaultKind[];
  bug: PlantedBug | undefined;
  json: string | undefined;
  logs: string | undefined;
}

export const USAGE = `npm run faults -- [options]
  --seed N        the schedule; the same seed gives the same faults (default: another one each time)
  --faults N      how many faults (default 200)
  --quick         20 faults, held for half as long, in about three minutes
  --rate N        events a second over HTTP (default 300); a tenth as many go straight to Kafka
  --workers N     how many workers (default 2)
  --only TEXT     only kinds of faults whose name holds the text; may be given several times
  --bug NAME      plants a bug into a copy of the program, and ends with 0 only if it is found; one of
                  ${KNOWN_BUGS.map(({ name }) => name).join(', ')}
  --json FILE     writes the figures to a file, too
  --logs FOLDER   where to leave what the processes said, if something is wrong (default: a new folder)`;

const BUG_FAULTS = 8;

/** @throws UsageError with one sentence */
export function readCommand(args: readonly string[]): Command {
  const values = parse(args);
  const number = (option: 'seed' | 'faults' | 'rate' | 'workers', least: number): number | undefined => {
    const given = values[option];
    if (given === undefined) return undefined;
    if (Number.isSafeInteger(Number(given)) && Number(given) >= least) return Number(given);
    throw new UsageError(`--${option} must be a whole number from ${least} on, which "${given}" is not.`);
  };
  const bug = KNOWN_BUGS.find(({ name }) => name === values.bug);
  if (values.bug !== undefined && !bug) throw new UsageError(`There is no bug "${values.bug}".`);
  const only = values.only ?? bug?.faults;
  const kinds = ALL_KINDS.filter(({ name }) => only?.some((text) => name.includes(text)) ?? true);
  if (kinds.length === 0) throw new UsageError(`No kind of fault is named like "${only?.join('", "')}".`);
  const quick = values.quick === true || bug !== undefined;
  return {
    seed: number('seed', 0) ?? Math.floor(Math.random() * 2 ** 31),
    faults: number('faults', 1) ?? (bug ? BUG_FAULTS : quick ? 20 : 200),
    quick,
    rate: number('rate', 1) ?? 300,
    workers: number('workers', 1) ?? 2,
    kinds,
    bug,
    json: values.json,
    logs: values.logs,
  };
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        seed: text,
        faults: text,
        quick: { type: 'boolean' },
        rate: text,
        workers: text,
        only: { type: 'string', multiple: true },
        bug: text,
        json: text,
        logs: text,
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
