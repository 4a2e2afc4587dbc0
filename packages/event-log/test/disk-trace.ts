import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What a process did, by the numbers of the lines of its trace: a call begins at one, and has returned at another. */
interface Span {
  begin: number;
  end: number;
}

/** Bytes handed to the system for the file. `durable`: they are on disk when the call has returned (O_DSYNC). */
export interface DiskWrite extends Span {
  at: number;
  bytes: Buffer;
  durable: boolean;
}

/** Whatever the process wrote to its standard output. */
export interface Note extends Span {
  text: string;
}

export interface DiskTrace {
  writes: readonly DiskWrite[];
  /** Syncs of the file that succeeded. */
  syncs: readonly Span[];
  notes: readonly Note[];
  lines: number;
}

interface Call extends Span {
  name: string;
  text: string;
}

const CALLS = 'openat,lseek,pwrite64,pwritev,write,writev,fsync,fdatasync,msync,sync_file_range,ftruncate';

/** How far system calls can be traced here. */
export async function tracing(): Promise<'allowed' | 'absent' | 'refused'> {
  try {
    await run('strace', ['-f', '-o', '/dev/null', 'true']);
    return 'allowed';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'absent' : 'refused';
  }
}

/** Runs a program to its end, and tells what it did with one file, and what it said. */
export async function traceFile(file: string, command: readonly string[]): Promise<DiskTrace> {
  const folder = await mkdtemp(join(tmpdir(), 'wayline-trace-'));
  try {
    const output = join(folder, 'trace');
    const options = ['-f', '-y', '-xx', '-s', '16000000', '-e', `trace=${CALLS}`, '-e', 'signal=none', '-o', output];
    await run('strace', [...options, ...command], { maxBuffer: 64 * 1024 * 1024 });
    return parseTrace(await readFile(output, 'latin1'), file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const bytesOf = (text: string): Buffer => Buffer.from(text.replaceAll('\\x', ''), 'hex');

/** Calls of several threads, put together where another came between their beginning and their end. */
function* readCalls(lines: readonly string[]): Generator<Call> {
  const unfinished = new Map<string, { begin: number; text: string }>();
  for (const [end, line] of lines.entries()) {
    const [, thread = '', rest = ''] = /^(\d+) +(.*)$/s.exec(line) ?? [];
    const [, head] = /^(.*) <unfinished \.\.\.>$/s.exec(rest) ?? [];
    if (head !== undefined) {
      unfinished.set(thread, { begin: end, text: head });
      continue;
    }
    const [, tail] = /^<\.\.\. \w+ resumed>(.*)$/s.exec(rest) ?? [];
    const started = tail === undefined ? undefined : unfinished.get(thread);
    const text = started ? started.text + tail : rest;
    const [, name] = /^(\w+)\(/.exec(text) ?? [];
    if (name) yield { name, text, begin: started?.begin ?? end, end };
  }
}

function parseTrace(trace: string, file: string): DiskTrace {
  const lines = trace.split('\n');
  const writes: DiskWrite[] = [];
  const syncs: Span[] = [];
  const notes: Note[] = [];
  const durable = new Set<string>();
  const places = new Map<string, number>();
  // A call counts from where it began: what it wrote may be on its way to the disk from then on.
  for (const { name, text, begin, end } of [...readCalls(lines)].sort((a, b) => a.begin - b.begin)) {
    const [, descriptor = '', hexPath = ''] = /^\w+\((\d+)<([^>]*)>/.exec(text) ?? [];
    const [, answer = '-1'] = /\) += (-?\d+)/.exec(text) ?? [];
    if (name === 'openat') {
      const [, opened = ''] = /^openat\([^"]*"([^"]*)"/.exec(text) ?? [];
      if (bytesOf(opened).toString() === file && Number(answer) >= 0) {
        places.set(answer, 0);
        if (/O_D?SYNC/.test(text)) durable.add(answer);
        else durable.delete(answer);
      }
    } else if (/^p?write/.test(name) && descriptor === '1') {
      const said = [...text.matchAll(/"([^"]*)"/g)].map(([, hex = '']) => bytesOf(hex).toString());
      notes.push({ text: said.join(''), begin, end });
    } else if (bytesOf(hexPath).toString() !== file) {
    } else if (/^f(data)?sync$/.test(name) && answer === '0') {
      syncs.push({ begin, end });
    } else if (name === 'lseek') {
      places.set(descriptor, Number(answer));
    } else if (/^p?write/.test(name)) {
      const bytes = Buffer.concat([...text.matchAll(/"([^"]*)"(\.\.\.)?/g)].map(([, hex = '']) => bytesOf(hex)));
      if (bytes.length !== Number(answer))
        throw new Error(`Not all that was written is in the trace: ${text.slice(-80)}`);
      const [, given] = /, (\d+)\) += \d+$/.exec(text) ?? [];
      const at = name.startsWith('p') ? Number(given) : (places.get(descriptor) ?? Number.NaN);
      if (!name.startsWith('p')) places.set(descriptor, at + bytes.length);
      writes.push({ at, bytes, durable: durable.has(descriptor), begin, end });
    }
  }
  return { writes, syncs, notes, lines: lines.length };
}

const SECTOR = 512;

/**
 * A file as a loss of power may leave it just before a line of the trace: what was synced by then is there; of what was
 * not, each sector (which a disk writes whole or not at all) is there or is not, as the dice say.
 * @param likely between 0 and 1: how much of what was not synced is there
 */
export function afterPowerLoss(
  trace: DiskTrace,
  line: number,
  { likely, random }: { likely: number; random(): number },
) {
  const begun = trace.writes.filter(({ begin }) => begin < line);
  const image = Buffer.alloc(Math.max(0, ...begun.map(({ at, bytes }) => at + bytes.length)));
  let length = 0;
  for (const write of begun) {
    const synced = ({ begin, end }: Span) => begin > write.end && end < line;
    const safe = (write.durable && write.end < line) || trace.syncs.some(synced);
    const after = write.at + write.bytes.length;
    for (let from = write.at; from < after; ) {
      const to = Math.min((Math.floor(from / SECTOR) + 1) * SECTOR, after);
      if (safe || random() < likely) {
        write.bytes.copy(image, from, from - write.at, to - write.at);
        length = Math.max(length, to);
      }
      from = to;
    }
  }
  return image.subarray(0, length);
}
