-- What could not be used: messages nobody could read, readings refused, times in the future.

CREATE TABLE quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    gateway text NOT NULL,              -- as it named itself; it need not be registered
    topic text NOT NULL,
    path text NOT NULL,
    reason text NOT NULL,
    payload bytea NOT NULL              -- truncated
);
CREATE INDEX quarantine_gateway ON quarantine (gateway, id);
CREATE INDEX quarantine_at ON quarantine (at);
