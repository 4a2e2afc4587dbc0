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

/** What `placedEvents` is about, in SQL: one session, bounds of occurred_at (inclusive), and the least corrected time. */
export interface PlacedBounds {
  projectId: string;
  sessionId: string;
  occurredFrom: string;
  occurredTo: string;
  correctedFrom: string;
  /** A further condition, on columns of `events`. Default: none. */
  also?: string;
}

export const PLACED_PARAMETERS: PlacedBounds = {
  projectId: '$1',
  sessionId: '$2',
  occurredFrom: '$3',
  occurredTo: '$4',
  correctedFrom: '$5',
};

/**
 * A select of a session's events with the columns of `SESSION_ORDER`. All events of the least corrected time are in it,
 * so the places are right; those of a time that the bounds of occurred_at cut are not.
 * @param columns further columns of `events`
 * @param of default: the parameters $1 to $5
 */
export const placedEvents = (columns: string, of: PlacedBounds = PLACED_PARAMETERS): string => `
  SELECT occurred_at, event_id, corrected_at, coalesce(seq, -1) AS seq_or_none, ${columns},
    CASE WHEN seq IS NULL THEN event_id::text COLLATE "C" ELSE max(event_id::text COLLATE "C") OVER (
      PARTITION BY corrected_at, source_id, ${INLINE_SOURCE}::text ORDER BY seq NULLS LAST, event_id) END AS place
  FROM (
    SELECT *, ${CORRECTED_AT} AS corrected_at FROM events
    WHERE project_id = ${of.projectId} AND session_id = ${of.sessionId}
      AND occurred_at BETWEEN ${of.occurredFrom} AND ${of.occurredTo}
      ${of.also === undefined ? '' : `AND ${of.also}`}
  ) e WHERE corrected_at >= ${of.correctedFrom}`;
