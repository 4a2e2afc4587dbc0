import { CORRECTED_AT, INLINE_SOURCE } from './stored-event.ts';

/**
 * The order of a session, as a total one. The contract says how two events compare: corrected time, then `seq` where
 * both have one of the same source instance, then `eventId`. Taken pair by pair that can run in a circle (a before b by
 * seq, b before c and c before a by id). So every event gets a `place`, an event id: its own, or, where it has a `seq`,
 * the greatest id among the events of its source at that time up to itself, by (seq, eventId).
 * Sorting by (corrected time, place, seq, eventId) keeps `seq` within a source always, and is the pairwise order
 * wherever that one has no circle. `occurred_at` at the end tells apart one id at two times that the clock's correction
 * made the same.
 *
 * Events without a source count as of one source.
 */
export const SESSION_ORDER = 'corrected_at, place, seq_or_none, event_id, occurred_at';

/** The key of an event in that order: what a cursor holds. Times in epoch ms. */
export interface SessionOrderKey {
  correctedMs: number;
  place: string;
  /** −1 where the event has none. */
  seq: number;
  eventId: string;
  occurredMs: number;
}

/**
 * A select of a session's events with the columns of `SESSION_ORDER`. Parameters: $1 project, $2 session, $3 and $4
 * bounds of occurred_at, $5 the least corrected time: all events of that very time are in it, so the places are right.
 * @param columns further columns of `events`
 */
export const placedEvents = (columns: string): string => `
  SELECT occurred_at, event_id, corrected_at, coalesce(seq, -1) AS seq_or_none, ${columns},
    CASE WHEN seq IS NULL THEN event_id::text COLLATE "C" ELSE max(event_id::text COLLATE "C") OVER (
      PARTITION BY corrected_at, source_id, ${INLINE_SOURCE}::text ORDER BY seq NULLS LAST, event_id) END AS place
  FROM (
    SELECT *, ${CORRECTED_AT} AS corrected_at FROM events
    WHERE project_id = $1 AND session_id = $2 AND occurred_at BETWEEN $3 AND $4
  ) e WHERE corrected_at >= $5`;
