import { parseArgs } from 'node:util';
import { UsageError } from '@wayline/testkit';

export interface Command {
  seed: number;
  inputs: number;
  json: string | undefined;
}

export const USAGE = `npm run fuzz -- [options]
  --inputs N   how many inputs, over all doors (default 100000)
  --seed N     the same seed gives the same inputs, but for ids and times (default: another one each time)
  --json FILE  writes what was done and found to a file, too`;

/** Of fewer, some doors would have none. */
const LEAST_INPUTS = 100;

/** @throws UsageError with one sentence */
export function readCommand(args: readonly string[]): Command {
  const values = parse(args);
  const number = (option: 'seed' | 'inputs', least: number): number | undefined => {
    const given = values[option];
    if (given === undefined) return undefined;
    if (Number.isSafeInteger(Number(given)) && Number(given) >= least) return Number(given);
    throw new UsageError(`--${option} must be a whole number from ${least} on, which "${given}" is not.`);
  };
  return {
    seed: number('seed', 0) ?? Math.floor(Math.random() * 2 ** 31),
    inputs: number('inputs', LEAST_INPUTS) ?? 100_000,
    json: values.json,
  };
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({ args: [...args], options: { seed: text, inputs: text, json: text } }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
