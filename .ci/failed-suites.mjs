// Prints the files of the suites that failed, one a line, from what Jest wrote with --json; nothing where they are too many to
// be anything but a fault of the change.
import { readFileSync } from 'node:fs';

const MOST = 3;

const text = readFileSync(process.argv[2], 'utf8');
const failed = text ? JSON.parse(text).testResults.filter(({ status }) => status === 'failed') : [];
if (failed.length <= MOST) for (const { name } of failed) process.stdout.write(`${name}\n`);
