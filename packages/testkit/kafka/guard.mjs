// Runs one broker and outlives nobody: `node guard.mjs OWNER_PID FOLDER COMMAND [ARGUMENT…]` starts the command with its
// output in FOLDER/broker.log and its pid in FOLDER/broker.pid, and, as soon as the owner is gone, however it went, kills
// the broker and removes the folder above (the cluster's). When the broker ends, so does the guard.
import { spawn } from 'node:child_process';
import { openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

const [owner, folder, command, ...args] = process.argv.slice(2);

const alive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
};

const log = openSync(join(folder, 'broker.log'), 'a');
const broker = spawn(command, args, { cwd: folder, stdio: ['ignore', log, log] });
broker.on('error', (error) => {
  writeSync(log, `guard: the broker was not started: ${error.message}\n`);
  process.exit(1);
});
broker.on('exit', (code, signal) => {
  writeSync(log, `guard: the broker ended with ${signal ?? code}\n`);
  process.exit(0);
});
writeFileSync(join(folder, 'broker.pid.new'), String(broker.pid));
renameSync(join(folder, 'broker.pid.new'), join(folder, 'broker.pid')); // never seen half written

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {}); // a Ctrl-C goes to the owner
setInterval(() => {
  if (alive(Number(owner))) return;
  broker.removeAllListeners('exit');
  broker.once('exit', () => {
    rmSync(dirname(folder), { recursive: true, force: true, maxRetries: 5 });
    process.exit(0);
  });
  broker.kill('SIGKILL');
}, 300);
