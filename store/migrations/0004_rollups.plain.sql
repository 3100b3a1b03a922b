-- Roll-ups: per sensor and minute, per sensor and hour. readings = all rows, usable = those with a
-- number and a quality that lets it count, good = those with quality good.

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
) PARTITION BY RANGE (bucket);

CREATE TABLE readings_1h (LIKE readings_1m INCLUDING ALL) PARTITION BY RANGE (bucket);

-- Minutes that got a reading after they were rolled up.
CREATE TABLE rollup_dirty (
    bucket timestamptz NOT NULL,
    sensor integer NOT NULL,
    PRIMARY KEY (bucket, sensor)
);
