import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a run has opened; closed in the reverse order, each whatever became of the others. */
export class Closers {
  readonly #closers: (() => Promise<unknown>)[] = [];

  add(close: () => Promise<unknown>): void {
    this.#closers.push(close);
  }

  /** A folder that goes with the rest. @param name such as `bench` */
  async folder(name: string): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), `wayline-${name}-`));
    this.add(() => rm(folder, { recursive: true, force: true }));
    return folder;
  }

  /** @throws AggregateError after all were closed, if some failed */
  async closeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.#closers.splice(0).reverse()) {
      await close().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw new AggregateError(failures, 'What was opened could not be closed');
  }
}

/** What was opened for a part of a run is closed when the part ends, however it ends. */
export async function withClosers<T>(outer: Closers, work: (closers: Closers) => Promise<T>): Promise<T> {
  const own = new Closers();
  outer.add(() => own.closeAll());
  try {
    return await work(own);
  } finally {
    await own.closeAll();
  }
}
