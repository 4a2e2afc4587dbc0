export { eventLogContract } from './event-log-contract.ts';
export type { ContractOptions, DefineTest, LogUnderTest, OpenOptions } from './log-under-test.ts';
export * from './reader.ts';
