-- Where the database stands in the journal.

CREATE TABLE spine (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    storage text NOT NULL,
    journal_id text,
    position bigint NOT NULL DEFAULT 0,
    -- Newest receive time among what is stored: minutes are closed behind it, so that a database
    -- that catches up does not roll up what has not arrived.
    received_through timestamptz,
    -- Readings older than this belong to minutes that are rolled up, or are being rolled up now:
    -- a commit that brings one marks its minute in rollup_dirty.
    closing_through timestamptz,
    rolled_1m_through timestamptz,
    rolled_1h_through timestamptz,
    redone_at timestamptz               -- when late minutes were last rolled up again
);

CREATE TABLE journal_epochs (
    journal_id text PRIMARY KEY,
    opened_at timestamptz NOT NULL,
    first_position bigint NOT NULL,
    previous_position bigint NOT NULL   -- where the database stood when this journal took over
);

CREATE TABLE journal_holes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    journal_id text NOT NULL,
    after_position bigint NOT NULL,
    next_position bigint NOT NULL,
    found_at timestamptz NOT NULL,
    reason text NOT NULL
);

-- The newest two states of the fold: the journal is trimmed through the older one only.
CREATE TABLE checkpoints (
    position bigint PRIMARY KEY,
    journal_id text NOT NULL,
    stored_at timestamptz NOT NULL,
    body bytea NOT NULL
);
ALTER TABLE checkpoints ALTER COLUMN body SET STORAGE EXTERNAL;

-- Program and act entries, kept for replays as long as raw readings are.
CREATE TABLE kept_entries (
    position bigint PRIMARY KEY,
    kind smallint NOT NULL,
    stored_at timestamptz NOT NULL,
    payload bytea NOT NULL
);
