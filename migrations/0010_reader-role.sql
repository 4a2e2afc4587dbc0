-- Up Migration

-- Lets the role wayline_reader read what queries read, where there is such a role. A table that is made later is readable,
-- too: one that holds secrets must be taken back where it is made, as those at the end. Whoever makes the role by hand
-- calls this afterwards, as the owner of the tables.
CREATE FUNCTION grant_reading() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'wayline_reader') THEN
    RETURN;
  END IF;
  GRANT SELECT ON ALL TABLES IN SCHEMA public TO wayline_reader;
  ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO wayline_reader;
  REVOKE SELECT ON write_keys, erasures, erasure_state, pgmigrations FROM wayline_reader;
END $$;
REVOKE EXECUTE ON FUNCTION grant_reading() FROM PUBLIC;

-- Roles belong to the whole server: another database's migration may have made it, or be about to. Where this one may
-- not, it goes on without.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'wayline_reader') THEN
    BEGIN
      CREATE ROLE wayline_reader NOLOGIN;
    EXCEPTION
      WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
    END;
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'wayline_reader')
    AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    BEGIN
      EXECUTE format('GRANT wayline_reader TO %I', current_user);
    EXCEPTION
      WHEN unique_violation OR insufficient_privilege THEN NULL;
    END;
  END IF;
  PERFORM grant_reading();
END $$;

-- What series read of a month: else the minutes of one series lie between those of all others. Only of minutes that are
-- brought into slot -1, once each, so that storing events writes nothing into it.
CREATE INDEX series_minutes_compacted ON series_minutes (project_id, namespace_id, type_id, minute)
  INCLUDE (events, valued, value_sum, value_min, value_max, first_at, first_valued_at) WHERE slot < 0;

-- Down Migration

DROP INDEX series_minutes_compacted;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'wayline_reader') THEN
    ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON TABLES FROM wayline_reader;
    REVOKE ALL ON ALL TABLES IN SCHEMA public FROM wayline_reader;
  END IF;
END $$;
DROP FUNCTION grant_reading();
