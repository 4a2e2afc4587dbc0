import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a benchmark has opened; closed in the reverse order, each whatever became of the others. */
export class Closers {
  readonly #closers: (() => Promise<unknown>)[] = [];

  add(close: () => Promise<unknown>): void {
    this.#closers.push(close);
  }

  /** A folder that goes with the benchmark. */
  async folder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'wayline-bench-'));
    this.add(() => rm(folder, { recursive: true, force: true }));
    return folder;
  }

  /** @throws AggregateError after all were closed, if some failed */
  async closeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.#closers.splice(0).reverse()) {
      await close().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw new AggregateError(failures, 'What the benchmark opened could not be closed');
  }
}

/** What was opened for a part of the benchmark is closed when the part ends, however it ends. */
export async function withClosers<T>(outer: Closers, work: (closers: Closers) => Promise<T>): Promise<T> {
  const own = new Closers();
  outer.add(() => own.closeAll());
  try {
    return await work(own);
  } finally {
    await own.closeAll();
  }
}
