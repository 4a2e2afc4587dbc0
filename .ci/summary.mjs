// Reads what Jest wrote with --json, tells what failed, the first with its reason, and ends with the one line that counts. A suite that could not run is a failure, and
// so is a skipped test, unless it needs what a machine may rightly lack.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

const [report, second, failedChecks, status] = process.argv.slice(2);
const print = (line) => process.stdout.write(`${line}\n`);

const REASON_LINES = 25;

const LACKING = [
  { test: /needs Docker/i, lacks: 'Docker' },
  ...(process.getuid?.() === 0 ? [] : [{ test: /\bas root\b/, lacks: 'root' }]),
];

function results(file) {
  const text = readFileSync(file, 'utf8');
  return text ? JSON.parse(text).testResults : [];
}

let passed = 0;
let failed = Number(failedChecks);
let skipped = 0;
const failures = [];
const again = new Map(results(second).map((suite) => [suite.name, suite]));
const suites = results(report).map((first) => {
  const suite = again.get(first.name) ?? first;
  if (suite !== first && suite.status !== 'failed') {
    const { fullName, failureMessages } = first.assertionResults.find((test) => test.status === 'failed') ?? {};
    print(
      `\nUnsteady: ${relative('.', first.name)} passed only when it was run again by itself. Before: ${fullName ?? ''}`,
    );
    print((failureMessages?.[0] ?? first.message).split('\n').slice(0, REASON_LINES).join('\n'));
  }
  return suite;
});
for (const { assertionResults, status: suiteStatus, name, message, endTime } of suites) {
  let failedHere = 0;
  for (const { fullName, status: outcome, failureMessages } of assertionResults) {
    if (outcome === 'passed') passed++;
    else if (outcome === 'failed') {
      failedHere++;
      failures.push({ endTime, what: `${relative('.', name)} › ${fullName}`, why: failureMessages[0] ?? '' });
    } else {
      skipped++;
      const excuse = LACKING.find(({ test }) => test.test(fullName));
      print(`Skipped${excuse ? `, for lack of ${excuse.lacks}` : ' without excuse'}: ${fullName}`);
      if (!excuse) process.exitCode = 1;
    }
  }
  if (suiteStatus === 'failed' && failedHere === 0) {
    failures.push({ endTime, what: `${relative('.', name)} could not run`, why: message });
    failedHere++;
  }
  failed += failedHere;
}
// The file that ended first: what came after may only follow from it.
failures.sort((a, b) => a.endTime - b.endTime);
for (const [i, { what, why }] of failures.entries()) {
  print(`${i === 0 ? '\nFailed first' : 'Failed'}: ${what}`);
  if (i === 0) print(`${why.split('\n').slice(0, REASON_LINES).join('\n')}\n`);
}
if (passed === 0) print('No test was run.');
// Jest, or a step before it, may have failed in a way that no test shows.
if (failed === 0 && (passed === 0 || status !== '0')) failed++;
if (failed > 0) process.exitCode = 1;
print(`${passed} passed, ${failed} failed, ${skipped} skipped`);
