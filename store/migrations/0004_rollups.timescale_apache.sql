-- Roll-ups in hypertables; the Apache edition has no continuous aggregates, so they are ours.

CREATE TABLE readings_1m (
    bucket timestamptz NOT NULL,
    sensor integer NOT NULL,
    readings integer NOT NULL,
    usable integer NOT NULL,
    good integer NOT NULL,
    low double precision,
    high double precision,
    mean double precision,
    last double precision,
    PRIMARY KEY (bucket, sensor)
);
CREATE TABLE readings_1h (LIKE readings_1m INCLUDING ALL);
SELECT create_hypertable('readings_1m', 'bucket', chunk_time_interval => INTERVAL '7 days',
                         create_default_indexes => false);
SELECT create_hypertable('readings_1h', 'bucket', chunk_time_interval => INTERVAL '90 days',
                         create_default_indexes => false);

CREATE TABLE rollup_dirty (
    bucket timestamptz NOT NULL,
    sensor integer NOT NULL,
    PRIMARY KEY (bucket, sensor)
);
