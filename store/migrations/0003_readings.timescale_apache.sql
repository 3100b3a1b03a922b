-- Readings: one row a (time, sensor), in a hypertable with one chunk a day. Chunks lie in our own
-- schema, where a role that is no superuser may give them an index when their day is over.

CREATE TABLE readings (
    ts timestamptz NOT NULL,
    sensor integer NOT NULL,
    quality smallint NOT NULL,
    reason smallint NOT NULL,
    value double precision NOT NULL,
    received timestamptz NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (ts, sensor)
);
SELECT create_hypertable('readings', 'ts', chunk_time_interval => INTERVAL '1 day',
                         create_default_indexes => false,
                         associated_schema_name => current_schema());
