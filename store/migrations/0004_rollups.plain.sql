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
    PRIMARY KEY (sensor, bucket)
) PARTITION BY RANGE (bucket);
-- For the hours, which take all sensors of a time; buckets arrive nearly in order.
CREATE INDEX readings_1m_bucket ON readings_1m USING brin (bucket) WITH (pages_per_range = 32);

CREATE TABLE readings_1h (LIKE readings_1m INCLUDING ALL) PARTITION BY RANGE (bucket);

-- Minutes that got a reading after they were rolled up; sensor 0 stands for every sensor. No key:
-- a writer must never wait for the roll-up that is just deleting what it wants to add.
CREATE TABLE rollup_dirty (
    bucket timestamptz NOT NULL,
    sensor integer NOT NULL
);
CREATE INDEX rollup_dirty_bucket ON rollup_dirty (bucket);
