export type { Arrival, Door, Verdict } from './arrival.ts';
export { createIngest, type Ingest, type IngestOptions } from './create-ingest.ts';
export { type Judgement, type JudgeOptions, judgeEvents, type RejectedEvent } from './judge-events.ts';
export { type EventsBody, parseEventsBody } from './parse-events-body.ts';
export type { StreamDoor } from './stream/create-stream-door.ts';
