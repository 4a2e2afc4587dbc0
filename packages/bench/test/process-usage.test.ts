import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { cpuMicros, treeCpuMicros } from '../src/measure/process-usage.ts';

const onLinux = process.platform === 'linux' ? describe : describe.skip;
/** Some tenths of a second. */
const WORK = 'i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done';
const WAIT = 'echo ready; read -r line';

onLinux('what a process and those below it used', () => {
  test.each([
    { which: 'a child that has ended', script: `sh -c '${WORK}'; ${WAIT}` },
    { which: 'a child that is there', script: `exec 3<&0; sh -c '${WORK}; ${WAIT}' <&3 & wait` },
    {
      which: "a child's child",
      script: `exec 3<&0; sh -c "sh -c '${WORK.replaceAll('$', '\\$')}'; ${WAIT}" <&3 & wait`,
    },
  ])('counts $which', async ({ script }) => {
    const parent = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    const pid = parent.pid as number;
    await once(parent.stdout, 'data');
    const [alone, all] = [cpuMicros(pid) as number, treeCpuMicros(pid) as number];
    parent.stdin.end('\n');
    await once(parent, 'exit');
    expect(alone).toBeLessThanOrEqual(30_000);
    expect(all - alone).toBeGreaterThan(50_000);
  });

  test('is unknown of a process that is gone', async () => {
    const child = spawn('true');
    await once(child, 'exit');
    expect(treeCpuMicros(child.pid as number)).toBeUndefined();
  });
});
