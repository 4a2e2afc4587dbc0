import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { startProcess, type TestProcess } from '../src/index.ts';
import { isProcessAlive } from '../src/kafka-lock.ts';

const started: TestProcess[] = [];
afterEach(async () => {
  for (const process of started.splice(0)) await process.end('SIGKILL');
});

function node(script: string, options?: Parameters<typeof startProcess>[2]): TestProcess {
  const started1 = startProcess(process.execPath, ['-e', script], options);
  started.push(started1);
  return started1;
}

test('a line is found whether it was written before or comes later, on either output', async () => {
  const program = node("console.error('port 17'); process.stdin.resume(); setTimeout(() => console.log('late'), 200)");
  expect((await program.waitForLine(/port (\d+)/))[1]).toBe('17');
  expect((await program.waitForLine(/port (\d+)/))[1]).toBe('17');
  await program.waitForLine(/^late$/);
  expect(program.stdout).toEqual(['late']);
  expect(program.stderr).toEqual(['port 17']);
});

test('waiting ends with what the program said when it ends, or says nothing in time', async () => {
  const program = node("console.log('no such folder'); process.exitCode = 2");
  await expect(program.waitForLine(/ready/)).rejects.toThrow(/ended \(2\) without a line like .*no such folder/s);
  expect(await program.exited).toEqual({ code: 2, signal: null });
  const silent = node('setInterval(() => {}, 1000)');
  await expect(silent.waitForLine(/ready/, 100)).rejects.toThrow('for 100 ms');
});

test('an address is awaited until it answers as it should', async () => {
  const program = node(`
    let asked = 0;
    const server = require('node:http').createServer((request, response) => {
      response.statusCode = ++asked < 3 ? 503 : 200;
      response.end('x');
    });
    server.listen(0, '127.0.0.1', () => console.log('port ' + server.address().port));
  `);
  const [, port] = await program.waitForLine(/port (\d+)/);
  await program.waitForHttp(`http://127.0.0.1:${port}/readyz`);
  expect(await program.end('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
  await expect(program.waitForHttp(`http://127.0.0.1:${port}/readyz`)).rejects.toThrow('ended (SIGKILL)');
});

test('the settings of the test’s own environment are not handed on, but what is given is', async () => {
  process.env.WAYLINE_OF_THE_TEST = 'leaked';
  const program = node("console.log([process.env.WAYLINE_OF_THE_TEST, process.env.PORT, 'x'].join())", {
    env: { PORT: '1' },
  });
  await program.exited;
  expect(program.stdout).toEqual([',1,x']);
});

test('what is started does not outlive a test process that is killed', async () => {
  const script = `
    import { startProcess } from ${JSON.stringify(new URL('../dist/process.js', import.meta.url).href)};
    const started = startProcess(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    console.log(started.pid);
  `;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [pid] = (await once(createInterface({ input: owner.stdout }), 'line')) as [string];
  expect(isProcessAlive(Number(pid))).toBe(true);
  owner.kill('SIGKILL');
  while (isProcessAlive(Number(pid))) await sleep(20);
});
