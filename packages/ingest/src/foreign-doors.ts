import { createEventValidator } from '@wayline/contracts';
import type { Door } from './arrival.ts';
import { createCloudEventsDoor } from './cloudevents/cloudevents-door.ts';
import { holdsCloudEvents } from './cloudevents/read-cloudevents.ts';
import { createActionDoor } from './predecessors/action-door.ts';
import { createAnalyticsDoor } from './predecessors/analytics-door.ts';
import { createMeasurementDoor } from './predecessors/measurement-door.ts';
import { createUserSessionDoors } from './predecessors/user-session-doors.ts';
import { createSegmentDoors, segmentCredential } from './segment/segment-doors.ts';
import type { SessionDoors } from './sessions-door.ts';
import type { OtherCredential } from './write-pipeline.ts';

export interface ForeignDoor {
  path: string;
  door: Door;
  otherCredential?: OtherCredential;
}

export interface ForeignDoors {
  /** The door for events, at which CloudEvents are let in as well. */
  orCloudEvents(events: Door): Door;
  /** Segment's API, and the forms of the predecessors. */
  doors: ForeignDoor[];
}

/** The ways in that others' clients speak. Compiles the event's schema (some ms). */
export function createForeignDoors(sessions: SessionDoors): ForeignDoors {
  const validator = createEventValidator();
  const cloudEvents = createCloudEventsDoor(validator);
  const userSessions = createUserSessionDoors(sessions);
  return {
    orCloudEvents: (events) => (arrival) => (holdsCloudEvents(arrival.headers) ? cloudEvents : events)(arrival),
    doors: [
      ...createSegmentDoors(validator).map(([path, door]) => ({ path, door, otherCredential: segmentCredential })),
      { path: '/analytics', door: createAnalyticsDoor(validator) },
      { path: '/api/track', door: createMeasurementDoor(validator) },
      { path: '/session', door: userSessions.start },
      { path: '/session/refresh', door: userSessions.refresh },
      { path: '/track', door: createActionDoor(validator) },
    ],
  };
}
