-- Raw readings and minutes of times before this may have been forgotten. It never moves back: where
-- they were forgotten once, roll-ups must not be made from what is left, even if more is kept later.

ALTER TABLE spine ADD COLUMN forgotten_through timestamptz;
