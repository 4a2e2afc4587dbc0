-- Up Migration

-- Series by hour: the sums of the minutes in slot -2, so that months are read in hundreds of rows. Written by the
-- transaction that brings minutes into that slot, and by nobody else; what stands in other slots is added when it is read.
CREATE TABLE series_hours (
  hour timestamptz NOT NULL,
  namespace_id bigint NOT NULL,
  type_id bigint NOT NULL,
  project_id integer NOT NULL,
  events bigint NOT NULL,
  valued bigint NOT NULL,
  value_sum double precision NOT NULL,
  value_min double precision,
  value_max double precision,
  first_at timestamptz NOT NULL,
  first_valued_at timestamptz,
  PRIMARY KEY (project_id, namespace_id, type_id, hour)
) WITH (fillfactor = 70);

-- Slot -1 is that of an older program, which does not know the hours: what it brings there is moved on.
CREATE INDEX series_minutes_unsettled ON series_minutes (project_id, namespace_id, type_id, minute) WHERE slot > -2;
DROP INDEX series_minutes_in_slots;

-- Down Migration

UPDATE series_minutes SET slot = -1 WHERE slot = -2;
CREATE INDEX series_minutes_in_slots ON series_minutes (minute) WHERE slot >= 0;
DROP INDEX series_minutes_unsettled;
DROP TABLE series_hours;
