-- Readings: one row a (time, sensor), in a hypertable with one chunk a day, compressed by sensor
-- when two days have passed, so that late rows mostly find their chunk still open.

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
                         create_default_indexes => false);
ALTER TABLE readings SET (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'sensor',
    timescaledb.compress_orderby = 'ts'
);
SELECT add_compression_policy('readings', compress_after => INTERVAL '2 days');
