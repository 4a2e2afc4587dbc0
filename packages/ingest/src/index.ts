export type { Arrival, Door, Verdict } from './arrival.ts';
export { createIngestRouter, type IngestRouterOptions } from './ingest-router.ts';
export { type Judgement, type JudgeOptions, judgeEvents, type RejectedEvent } from './judge-events.ts';
export { type EventsBody, parseEventsBody } from './parse-events-body.ts';
