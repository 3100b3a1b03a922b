-- Readings: one row a (time, sensor), partitioned by time; partitions are made when needed.
-- Columns are ordered so that none needs padding. value is NaN where there is no usable number.

CREATE TABLE readings (
    ts timestamptz NOT NULL,
    sensor integer NOT NULL,
    quality smallint NOT NULL,
    reason smallint NOT NULL,
    value double precision NOT NULL,
    received timestamptz NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (ts, sensor)
) PARTITION BY RANGE (ts);
