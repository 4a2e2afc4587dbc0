-- Up Migration

-- What operators set for projects and keys: one row each, `project:<id>` or `key:<project>:<id>`, as it stands in
-- wayline.settings. The table is its own outbox: rows with a version above the published one are still to be written
-- to the log.
CREATE TABLE settings (
  key text COLLATE "C" PRIMARY KEY,
  value jsonb NOT NULL,
  version bigint NOT NULL UNIQUE,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One row, which every writer holds until it commits: so versions become visible in their order. They follow the clock,
-- so that a database restored to an earlier moment does not give them a second time.
CREATE TABLE settings_version (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  version bigint NOT NULL
);
INSERT INTO settings_version (version) VALUES ((extract(epoch FROM clock_timestamp()) * 1000)::bigint);

-- Up to which version the settings stand in a log.
CREATE TABLE settings_published (
  log_id text PRIMARY KEY,
  version bigint NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

WITH known (key, value) AS (
  SELECT 'project:' || id, jsonb_build_object('slug', slug, 'name', name) FROM projects
  UNION ALL
  SELECT 'key:' || project_id || ':' || key_id,
         jsonb_build_object('revokedAt', (extract(epoch FROM revoked_at) * 1000)::bigint)
    FROM write_keys WHERE revoked_at IS NOT NULL
)
INSERT INTO settings (key, value, version)
SELECT key, value, (SELECT version FROM settings_version) + row_number() OVER (ORDER BY key) FROM known;
UPDATE settings_version SET version = version + (SELECT count(*) FROM settings);

-- Down Migration

DROP TABLE settings_published, settings_version, settings;
