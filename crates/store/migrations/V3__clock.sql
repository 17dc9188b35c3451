-- Which clock a pause was counted on: one that begins later than now is from before the clock was set back, and is over.

ALTER TABLE delivery ADD COLUMN claimed_at INTEGER NOT NULL DEFAULT 0;  -- of the attempt after which it waits
ALTER TABLE place ADD COLUMN paused_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN paused_at INTEGER NOT NULL DEFAULT 0;
