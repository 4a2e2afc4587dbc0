import { describe, test } from '@jest/globals';
import { appendContract } from './append-contract.ts';
import { closingContract } from './closing-contract.ts';
import { followContract } from './follow-contract.ts';
import { groupContract } from './group-contract.ts';
import { type ContractOptions, type DefineTest, withLog } from './log-under-test.ts';
import { positionContract } from './position-contract.ts';
import { readingContract } from './reading-contract.ts';

/**
 * The promises of `event-log.ts` as tests, the same for every adapter:
 *
 *     eventLogContract('embedded', { open: async ({ topics }) => ({ log: …, reopen: …, openOther: …, dispose: … }) });
 */
export function eventLogContract(name: string, contract: ContractOptions): void {
  const gaps = new Map(Object.entries(contract.gaps ?? {}));
  describe(`the ${name} log keeps the contract:`, () => {
    const define: DefineTest = (title, options, work) => {
      const run = () => withLog(contract, options, work);
      const reason = gaps.get(title);
      if (reason === undefined) test(title, run);
      else test.failing(`${title} (a gap: ${reason})`, run);
      gaps.delete(title);
    };
    describe('append', () => appendContract(define));
    describe('reading', () => readingContract(define));
    describe('positions', () => positionContract(define));
    describe('following', () => followContract(define));
    describe('groups', () => groupContract(define));
    describe('closing', () => closingContract(define));
    if (gaps.size > 0)
      throw new Error(`No test of the suite has the name of these gaps: ${[...gaps.keys()].join(', ')}`);
  });
}
