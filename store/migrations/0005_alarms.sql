-- What the fold decided. `body` is the exact encoding of the fold's own object; the other columns
-- are those that questions are asked about.

CREATE TABLE transitions (
    position bigint NOT NULL,
    ordinal integer NOT NULL,
    gateway integer NOT NULL,
    sensor integer,
    alarm text,
    event text NOT NULL,
    decided timestamptz NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (position, ordinal)
);
CREATE INDEX transitions_decided ON transitions USING brin (decided);
CREATE INDEX transitions_alarm ON transitions (alarm, position, ordinal) WHERE alarm IS NOT NULL;

CREATE TABLE alarms (
    born_position bigint NOT NULL,
    born_ordinal integer NOT NULL,
    gateway integer NOT NULL,
    sensor integer,
    family text NOT NULL,
    kind text NOT NULL,
    level text,
    priority smallint NOT NULL,
    state text NOT NULL,
    raised_at timestamptz NOT NULL,
    position bigint NOT NULL,
    ordinal integer NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (born_position, born_ordinal)
);
-- One open alarm per (target, family): the database's own assertion.
CREATE UNIQUE INDEX alarms_open ON alarms (gateway, coalesce(sensor, -1), family)
    WHERE state <> 'normal';
CREATE INDEX alarms_newest ON alarms (raised_at DESC, born_position DESC, born_ordinal DESC);
CREATE INDEX alarms_sensor ON alarms (sensor, raised_at DESC);
CREATE INDEX alarms_gateway ON alarms (gateway, raised_at DESC);

-- Notices to be sent: written with the transition that asks for them.
CREATE TABLE outbox (
    position bigint NOT NULL,
    ordinal integer NOT NULL,
    alarm text NOT NULL,
    event text NOT NULL,
    priority smallint NOT NULL,
    created_at timestamptz NOT NULL,
    taken_at timestamptz,
    done_at timestamptz,
    PRIMARY KEY (position, ordinal)
);
CREATE INDEX outbox_waiting ON outbox (position, ordinal) WHERE done_at IS NULL;

-- An earlier value that a later-received one for the same (sensor, time) replaced.
CREATE TABLE reading_corrections (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ts timestamptz NOT NULL,
    sensor integer NOT NULL,
    quality smallint NOT NULL,
    reason smallint NOT NULL,
    value double precision NOT NULL,
    received timestamptz NOT NULL,
    position bigint NOT NULL,
    replaced_by bigint NOT NULL         -- journal position
);
CREATE INDEX reading_corrections_key ON reading_corrections (sensor, ts);
