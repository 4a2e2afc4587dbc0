/** A consumer of a group, for the assignment: what it may be given. */
export interface Candidate<Member, Item> {
  member: Member;
  wants(item: Item): boolean;
}

/**
 * Shares items among members evenly: each item goes to one member that wants it, those who hold it keep it where that
 * leaves no two members more than one apart.
 */
export function assignPartitions<Member, Item>(
  items: readonly Item[],
  candidates: readonly Candidate<Member, Item>[],
  held: ReadonlyMap<Item, Member>,
): Map<Item, Member> {
  const given = new Map<Item, Member>();
  const load = new Map<Member, number>(candidates.map(({ member }) => [member, 0]));
  const loadOf = (member: Member) => load.get(member) ?? 0;
  const give = (item: Item, member: Member) => {
    const before = given.get(item);
    if (before !== undefined) load.set(before, loadOf(before) - 1);
    given.set(item, member);
    load.set(member, loadOf(member) + 1);
  };
  const leastLoaded = (item: Item) =>
    candidates
      .filter((candidate) => candidate.wants(item))
      .reduce<Member | undefined>(
        (least, { member }) => (least === undefined || loadOf(member) < loadOf(least) ? member : least),
        undefined,
      );

  for (const item of items) {
    const holder = candidates.find(({ member, wants }) => member === held.get(item) && wants(item));
    if (holder) give(item, holder.member);
  }
  for (const item of items) {
    const member = given.has(item) ? undefined : leastLoaded(item);
    if (member !== undefined) give(item, member);
  }
  for (let moved = true; moved; ) {
    moved = false;
    for (const [item, member] of given) {
      const other = leastLoaded(item);
      if (other === undefined || loadOf(member) - loadOf(other) < 2) continue;
      give(item, other);
      moved = true;
    }
  }
  return given;
}
