import { spawn } from 'node:child_process';

// Reads until its input ends, which happens when the owner dies, however it dies. A line says that all is well.
const SCRIPT = `
read -r line && exit 0
kill -INT "$1" 2>/dev/null || exit 0
tries=0
while kill -0 "$1" 2>/dev/null; do
  [ $tries -eq 20 ] && kill -QUIT "$1"
  [ $tries -eq 40 ] && exit 1
  tries=$((tries + 1))
  sleep 1
done
`;

/**
 * A tiny process that stops the server if ours ends without doing so, as after SIGKILL. There is none on Windows, where
 * the next start finds and stops the server.
 * @returns to be called once the server has ended; the guard ends then
 */
export function guardPostmaster(pid: number): () => void {
  if (process.platform === 'win32') return () => {};
  const guard = spawn('sh', ['-c', SCRIPT, 'postmaster-guard', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.on('error', () => {}); // without a guard all else works
  guard.stdin.on('error', () => {});
  guard.unref();
  return () => guard.stdin.end('ended\n');
}
