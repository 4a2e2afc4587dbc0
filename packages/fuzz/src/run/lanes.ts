/** Works off what comes, so much of it side by side. Rejects with the first failure. */
export async function inLanes<T>(
  source: Iterable<T>,
  lanes: number,
  work: (item: T, lane: number) => Promise<void>,
): Promise<void> {
  const iterator = source[Symbol.iterator]();
  const lane = async (index: number): Promise<void> => {
    for (let next = iterator.next(); !next.done; next = iterator.next()) await work(next.value, index);
  };
  await Promise.all(Array.from({ length: lanes }, (_, index) => lane(index)));
}
