import { asCloudEvent } from './as-cloudevent.ts';
import { asSegmentMessage } from './as-segment-message.ts';
import { COUNTER_DIGITS } from './event-ids.ts';

/** By which door a load goes in: what `DOORS` has. */
export type LoadDoor = 'events' | 'stream' | 'cloudevents' | 'segment';

/** What a request looks like at a door. */
export interface DoorForm {
  path: string;
  contentType: string;
  authorization(writeKey: string): string;
  /** The body, or the text of the frame, of events as lines of JSON; each line's `eventId` stands in it somewhere. */
  bodyOf(events: readonly string[]): string;
  acknowledgement(eventsPerRequest: number): Acknowledgement;
}

/** What the answer is like that acknowledges every event of a request. */
export interface Acknowledgement {
  status: number;
  /** How its body begins. */
  begin: string;
}

const bearer = (writeKey: string): string => `Bearer ${writeKey}`;
const accepted = (count: number): Acknowledgement => ({ status: 202, begin: `{"accepted":${count},"rejected":[]` });

/** A frame's text up to its id, which is the request's number in `COUNTER_DIGITS` hex digits. */
export const FRAME_BEGIN = '{"id":"';

const EVENTS: DoorForm = {
  path: '/v1/events',
  contentType: 'application/json',
  authorization: bearer,
  bodyOf: (events) => (events.length === 1 ? (events[0] as string) : `[${events.join(',')}]`),
  acknowledgement: accepted,
};

const DOORS: Readonly<Record<LoadDoor, DoorForm>> = {
  events: EVENTS,
  stream: {
    ...EVENTS,
    path: '/v1/stream',
    bodyOf: (events) => `${FRAME_BEGIN}${'0'.repeat(COUNTER_DIGITS)}","events":[${events.join(',')}]}`,
  },
  cloudevents: {
    ...EVENTS,
    contentType: 'application/cloudevents-batch+json',
    bodyOf: (events) => JSON.stringify(events.map((line) => asCloudEvent(JSON.parse(line)))),
  },
  segment: {
    path: '/v1/batch',
    contentType: 'application/json',
    authorization: (writeKey) => `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`,
    bodyOf: (events) => JSON.stringify({ batch: events.map((line) => asSegmentMessage(JSON.parse(line))) }),
    acknowledgement: () => ({ status: 200, begin: '{"success":true}' }),
  },
};

export const formOf = (door: LoadDoor): DoorForm => DOORS[door];
