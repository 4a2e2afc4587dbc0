export { type DefineTest, eventLogContract } from './event-log-contract.ts';
export type { ContractOptions, LogUnderTest, OpenOptions } from './log-under-test.ts';
export * from './reader.ts';
