-- What is watched, and the limits people set. Nothing here is deleted: history points at it.

CREATE TABLE regions (
    id text PRIMARY KEY,
    name text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('county', 'town', 'park', 'village')),
    parent text REFERENCES regions,
    removed_at timestamptz
);

CREATE TABLE enterprises (
    id text PRIMARY KEY,
    name text NOT NULL,
    region text NOT NULL REFERENCES regions,
    industry text NOT NULL,
    removed_at timestamptz
);

CREATE TABLE sites (
    id text PRIMARY KEY,
    name text NOT NULL,
    enterprise text NOT NULL REFERENCES enterprises,
    kind text NOT NULL,
    latitude double precision,
    longitude double precision,
    removed_at timestamptz
);
CREATE INDEX sites_enterprise ON sites (enterprise);

CREATE TABLE zones (
    id text PRIMARY KEY,
    name text NOT NULL,
    site text NOT NULL REFERENCES sites,
    kind text NOT NULL,
    removed_at timestamptz
);

-- A removed gateway's id may be given again; its number never is.
CREATE TABLE gateways (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL,
    site text NOT NULL REFERENCES sites,
    name text NOT NULL,
    codec text NOT NULL,
    silence_s double precision NOT NULL CHECK (silence_s > 0),
    credential text,                    -- hash of the MQTT password
    credential_at timestamptz,
    removed_at timestamptz
);
CREATE UNIQUE INDEX gateways_live_id ON gateways (id) WHERE removed_at IS NULL;
CREATE INDEX gateways_site ON gateways (site);

CREATE TABLE sensors (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    measurand text NOT NULL,
    name text NOT NULL,
    zone text REFERENCES zones,
    unit text NOT NULL,
    range_low double precision,
    range_high double precision,
    period_s double precision NOT NULL CHECK (period_s > 0),
    role text,
    removed_at timestamptz
);

-- (gateway, tag) is a sensor's address for a time.
CREATE TABLE sensor_bindings (
    sensor integer NOT NULL REFERENCES sensors,
    bound_at timestamptz NOT NULL,
    gateway integer NOT NULL REFERENCES gateways,
    tag text NOT NULL,
    unbound_at timestamptz,
    PRIMARY KEY (sensor, bound_at)
);
CREATE UNIQUE INDEX sensor_bindings_tag ON sensor_bindings (gateway, tag) WHERE unbound_at IS NULL;
CREATE UNIQUE INDEX sensor_bindings_sensor ON sensor_bindings (sensor) WHERE unbound_at IS NULL;

CREATE TABLE limits (
    sensor integer NOT NULL REFERENCES sensors,
    level text NOT NULL CHECK (level IN ('HH', 'H', 'L', 'LL')),
    setpoint double precision NOT NULL,
    deadband double precision NOT NULL CHECK (deadband >= 0),
    on_delay_us bigint NOT NULL CHECK (on_delay_us >= 0),
    off_delay_us bigint NOT NULL CHECK (off_delay_us >= 0),
    latch boolean NOT NULL,
    source text NOT NULL,
    PRIMARY KEY (sensor, level)
);

CREATE TABLE limit_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sensor integer NOT NULL REFERENCES sensors,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    before jsonb NOT NULL,
    after jsonb NOT NULL
);
CREATE INDEX limit_changes_sensor ON limit_changes (sensor, id);

-- Who changed what in the registry and the accounts.
CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    verb text NOT NULL,
    kind text NOT NULL,
    object text NOT NULL,
    detail jsonb NOT NULL
);
CREATE INDEX audit_object ON audit (kind, object, id);
