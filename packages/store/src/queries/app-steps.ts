import { SOURCE_KINDS } from '../names.ts';
import { type PlacedBounds, placedEvents, SESSION_ORDER } from './session-order.ts';
import { INLINE_SOURCE } from './stored-event.ts';

/**
 * A select of a session's events of apps in its order, each with the app of the one before, as `before` and `app`: it is a
 * hop where they differ.
 * @param columns further columns of `events`
 * @param of default: the parameters $1 to $5, as `placedEvents` has them
 */
export const appSteps = (columns: readonly string[], of?: PlacedBounds): string => `
  SELECT lag(app) OVER (ORDER BY ${SESSION_ORDER}) AS before, of_apps.* FROM (
    SELECT coalesce(source.name, ${INLINE_SOURCE} ->> 'name') AS app, ${[...columns, SESSION_ORDER].join(', ')}
    FROM (${placedEvents(['source_id', 'inline_names', ...columns].join(', '), of)}) placed
    LEFT JOIN sources source ON source.project_id = ${of?.projectId ?? '$1'} AND source.id = source_id
    WHERE source.kind = ${SOURCE_KINDS.app} OR ${INLINE_SOURCE} ->> 'kind' = 'app'
  ) of_apps`;
