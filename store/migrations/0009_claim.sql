-- Who stores, what was lost, and how far retention has come.

-- The process that stores has written a claim here and beside its journal. A copy of its data
-- directory on another machine claims anew, and the first one finds a claim it does not know.
-- NULL: nobody has claimed since the journal took over.
ALTER TABLE spine ADD COLUMN claim text;

-- When retention last forgot anything: a clock that leaps ahead must not make it forget again.
ALTER TABLE spine ADD COLUMN forgot_at timestamptz;

-- 'lost': entries nobody has; 'epoch': what an earlier journal held beyond the stored position;
-- 'set_aside': one entry the database refused, kept whole in kept_entries.
ALTER TABLE journal_holes ADD COLUMN kind text NOT NULL DEFAULT 'lost'
    CHECK (kind IN ('lost', 'epoch', 'set_aside'));
UPDATE journal_holes SET kind = 'set_aside'
    WHERE next_position = after_position + 2 AND reason LIKE 'the database refuses it:%';
INSERT INTO journal_holes (journal_id, after_position, next_position, found_at, reason, kind)
    SELECT journal_id, previous_position, first_position, opened_at,
        'another journal took over', 'epoch'
    FROM journal_epochs WHERE previous_position > 0 ORDER BY first_position;
