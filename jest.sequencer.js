import Sequencer from '@jest/test-sequencer';

const TIERS = ['.e2e.test.ts', '.int.test.ts', '.test.ts'];
const tierOf = ({ path }) => TIERS.findIndex((end) => path.endsWith(end));

/** The slow tiers first, so that at the end no worker waits for another's long file; within a tier as Jest has it. */
export default class SlowTiersFirst extends Sequencer {
  sort(tests) {
    return super.sort(tests).sort((a, b) => tierOf(a) - tierOf(b));
  }
}
