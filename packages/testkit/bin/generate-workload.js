#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { writeWorkload } from '../dist/write-workload.js';

const USAGE =
  'npm run --silent generate-events -- [--count N] [--seed S] [--start 2026-01-05T00:00:00Z] [--hours H] > events.ndjson';

/** Settings from the command line; a sentence is thrown where one is no number, or no time. */
function readOptions() {
  const text = { type: 'string' };
  const { values } = parseArgs({ options: { count: text, seed: text, start: text, hours: text } });
  const options = { start: values.start };
  for (const [name, pattern] of [
    ['count', /^\d{1,10}$/],
    ['seed', /^(0|[1-9]\d{0,9})$/],
    ['hours', /^\d{1,6}(\.\d+)?$/],
  ]) {
    if (values[name] === undefined) continue;
    if (!pattern.test(values[name])) throw new TypeError(`--${name} must be a number, which "${values[name]}" is not.`);
    options[name] = Number(values[name]);
  }
  if (values.start !== undefined && Number.isNaN(Date.parse(values.start))) {
    throw new TypeError(`--start must be a time, which "${values.start}" is not.`);
  }
  return options;
}

try {
  await writeWorkload(process.stdout, readOptions());
} catch (error) {
  process.stderr.write(`${error.message}\n${USAGE}\n`);
  process.exitCode = 2;
}
