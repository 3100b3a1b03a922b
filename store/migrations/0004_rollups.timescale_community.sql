-- Roll-ups as continuous aggregates. They include what is not yet rolled up (not only
-- materialised), and are refreshed where late data landed. A refresh must never reach further back
-- than raw readings are kept: it would replace the roll-up by what is left, which is nothing. So
-- the policies begin with what is always kept; retention widens them to what is.

CREATE MATERIALIZED VIEW readings_1m
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket(INTERVAL '1 minute', ts) AS bucket,
       sensor,
       count(*)::integer AS readings,
       (count(*) FILTER (WHERE value <> 'NaN' AND quality IN (0, 1, 6, 7)))::integer AS usable,
       (count(*) FILTER (WHERE quality = 0))::integer AS good,
       min(value) FILTER (WHERE value <> 'NaN' AND quality IN (0, 1, 6, 7)) AS low,
       max(value) FILTER (WHERE value <> 'NaN' AND quality IN (0, 1, 6, 7)) AS high,
       avg(value) FILTER (WHERE value <> 'NaN' AND quality IN (0, 1, 6, 7)) AS mean,
       last(value, ts) FILTER (WHERE value <> 'NaN' AND quality IN (0, 1, 6, 7)) AS last
FROM readings
GROUP BY 1, 2
WITH NO DATA;

CREATE MATERIALIZED VIEW readings_1h
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket(INTERVAL '1 hour', bucket) AS bucket,
       sensor,
       sum(readings)::integer AS readings,
       sum(usable)::integer AS usable,
       sum(good)::integer AS good,
       min(low) AS low,
       max(high) AS high,
       sum(mean * usable) / nullif(sum(usable), 0) AS mean,
       last(last, bucket) FILTER (WHERE last IS NOT NULL) AS last
FROM readings_1m
GROUP BY 1, 2
WITH NO DATA;

SELECT add_continuous_aggregate_policy('readings_1m', start_offset => INTERVAL '29 days',
    end_offset => INTERVAL '1 minute', schedule_interval => INTERVAL '1 minute');
SELECT add_continuous_aggregate_policy('readings_1h', start_offset => INTERVAL '29 days',
    end_offset => INTERVAL '1 hour', schedule_interval => INTERVAL '5 minutes');
-- Servers that refresh in batches take ten buckets each by default: one late reading of last year
-- would make them walk through it in fifty thousand steps. (Others pass over this.)
SELECT alter_job(job_id, config => config || '{"buckets_per_batch": 1440}')
FROM timescaledb_information.jobs WHERE proc_name = 'policy_refresh_continuous_aggregate';

-- Unused here (the server marks what is stale itself); the same statements run everywhere.
CREATE TABLE rollup_dirty (
    bucket timestamptz NOT NULL,
    sensor integer NOT NULL
);
