import Sequencer from '@jest/test-sequencer';

const TIERS = ['.e2e.test.ts', '.int.test.ts', '.test.ts'];
const tierOf = ({ path }) => TIERS.findIndex((end) => path.endsWith(end));

/** A minute and more: where Jest does not know from a run before how long they take, they must not be begun last. */
const LONGEST =
  /\/(bench\/test\/bench|cli\/test\/(kill|broker-away)|faults\/test\/faults|event-log\/test\/kafka(-faults|-three-brokers)?)\./;
const isShort = ({ path }) => Number(!LONGEST.test(path));

/**
 * Tests of processes and of services by turns, all along: the ones keep the cores busy, the others wait for most of their
 * time. Pure ones at the end, so that no worker waits for another's long file. Within a tier as Jest has it.
 */
export default class TiersByTurns extends Sequencer {
  sort(tests) {
    const sorted = super.sort(tests).sort((a, b) => isShort(a) - isShort(b));
    const [processes, services, pure] = TIERS.map((_, tier) => sorted.filter((test) => tierOf(test) === tier));
    const spread = [processes, services].flatMap((tier) => tier.map((test, i) => ({ test, place: i / tier.length })));
    return [...spread.sort((a, b) => a.place - b.place).map(({ test }) => test), ...pure];
  }
}
