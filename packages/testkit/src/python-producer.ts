import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withFolderLock } from './kafka-lock.ts';
import { startProcess } from './process.ts';

const run = promisify(execFile);

/** `packages/testkit/python`, from `src/` as from `dist/`. */
const pythonFolder = (): string => join(import.meta.dirname, '..', 'python');

const succeeds = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  );

/** What is missing of a Python that can make environments, and kcat; undefined where both are there. */
export async function missingProducerTools(): Promise<string | undefined> {
  if (!(await succeeds(run('python3', ['-c', 'import venv, ensurepip'])))) return 'there is no python3 with venv';
  if (!(await succeeds(run('kcat', ['-V'])))) return 'there is no kcat';
  return undefined;
}

/** The Python of an environment with the packages of `requirements.txt`; made once, from PyPI. */
async function pythonOfEnvironment(): Promise<string> {
  const requirements = join(pythonFolder(), 'requirements.txt');
  const version = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 12);
  const target = join(pythonFolder(), 'target');
  const folder = join(target, `venv-${version}`);
  const python = join(folder, 'bin', 'python');
  const ready = join(folder, 'ready');
  await mkdir(target, { recursive: true });
  await withFolderLock(join(target, 'lock'), 300_000, async () => {
    if (await succeeds(access(ready))) return;
    await rm(folder, { recursive: true, force: true });
    await run('python3', ['-m', 'venv', folder]);
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements];
    await run(python, install, { timeout: 280_000 });
    await writeFile(ready, '');
  });
  return python;
}

/** Runs a program in Python with confluent-kafka at hand. @throws Error with what it said, if it fails */
export async function runPython(program: string): Promise<string> {
  const { stdout } = await run(await pythonOfEnvironment(), ['-c', program], { timeout: 60_000 });
  return stdout;
}

export interface PythonProducerOptions {
  brokers: readonly string[];
  registryUrl: string;
  writeKey: string;
  codec: string;
  /** A file with the service's own schema; absent: the newest of the subject. */
  schemaFile?: string;
}

/** Writes events to `wayline.direct` with confluent-kafka's JSONSerializer; answers with how many Kafka acknowledged. */
export async function produceWithPython(events: readonly object[], options: PythonProducerOptions): Promise<number> {
  const { brokers, registryUrl, writeKey, codec, schemaFile = 'latest' } = options;
  const script = join(pythonFolder(), 'produce.py');
  const program = startProcess(
    await pythonOfEnvironment(),
    [script, brokers.join(','), registryUrl, writeKey, codec, schemaFile],
    { input: events.map((event) => `${JSON.stringify(event)}\n`).join('') },
  );
  const { code } = await program.exited;
  if (code !== 0) throw new Error(`the producer in Python ended with ${code}:\n${program.stderr.join('\n')}`);
  return Number(program.stdout.at(-1));
}
