-- Who may sign in. Passwords, sessions and tokens are kept as hashes only.

CREATE TABLE users (
    name text PRIMARY KEY,
    password_hash text NOT NULL,
    role text NOT NULL CHECK (role IN ('admin', 'operator', 'viewer', 'enterprise')),
    scope_kind text NOT NULL CHECK (scope_kind IN ('all', 'region', 'enterprise', 'site')),
    scope_id text,
    locale text NOT NULL,
    created_at timestamptz NOT NULL,
    disabled_at timestamptz,
    CHECK ((scope_kind = 'all') = (scope_id IS NULL))
);

CREATE TABLE sessions (
    token_hash text PRIMARY KEY,
    user_name text NOT NULL REFERENCES users ON DELETE CASCADE,
    csrf text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_name);

CREATE TABLE tokens (
    token_hash text PRIMARY KEY,
    name text NOT NULL,
    user_name text NOT NULL REFERENCES users ON DELETE CASCADE,
    gateway text,                       -- bound to the telemetry of this gateway only
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE UNIQUE INDEX tokens_live_name ON tokens (user_name, name) WHERE revoked_at IS NULL;
