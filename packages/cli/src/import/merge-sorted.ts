const BLOCK_LINES = 1000;

interface Run {
  lines: string[];
  at: number;
  rest: AsyncIterator<string[]>;
}

const head = (run: Run): string => run.lines[run.at] as string;

/** Puts the run at `index` where it belongs below it: the run with the least head is at the root. */
function sink(heap: Run[], index: number): void {
  const run = heap[index] as Run;
  for (let hole = index; ; ) {
    let child = 2 * hole + 1;
    const right = heap[child + 1];
    if (right && head(right) < head(heap[child] as Run)) child++;
    const least = heap[child];
    if (!least || head(run) <= head(least)) {
      heap[hole] = run;
      return;
    }
    heap[hole] = least;
    hole = child;
  }
}

/** Fetches the run's next lines; false if there are none. */
async function refill(run: Run): Promise<boolean> {
  do {
    const { value, done } = await run.rest.next();
    if (done) return false;
    run.lines = value;
    run.at = 0;
  } while (run.lines.length === 0);
  return true;
}

/** Merges sorted sources (by code units) into one; holds one block of each. */
export async function* mergeSorted(sources: readonly AsyncIterable<string[]>[]): AsyncGenerator<string[]> {
  const heap: Run[] = [];
  for (const source of sources) {
    const run: Run = { lines: [], at: 0, rest: source[Symbol.asyncIterator]() };
    if (await refill(run)) heap.push(run);
  }
  for (let i = (heap.length >> 1) - 1; i >= 0; i--) sink(heap, i);

  let block: string[] = [];
  for (let run = heap[0]; run; run = heap[0]) {
    block.push(head(run));
    if (++run.at === run.lines.length && !(await refill(run))) {
      const last = heap.pop() as Run;
      if (last === run) continue;
      heap[0] = last;
    }
    sink(heap, 0);
    if (block.length < BLOCK_LINES) continue;
    yield block;
    block = [];
  }
  if (block.length > 0) yield block;
}
