import type { WaylineEvent } from './event.generated.ts';

/** An event with its id: every event that reached the log has one. */
export type IdentifiedEvent = WaylineEvent & { eventId: string };

/** The value of a record in `wayline.events`, as JSON: an event that was judged at the door, with what the door adds. */
export interface LoggedEvent {
  /** Number of the project, from the key or token that was used. */
  project: number;
  /** Epoch ms at which the request's head arrived. */
  receivedAt: number;
  /** receivedAt − sentAt, ms; absent when the clocks agree. */
  skew?: number;
  event: IdentifiedEvent;
}
