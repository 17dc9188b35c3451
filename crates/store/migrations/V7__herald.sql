-- Which alerts admins were told of in a chat, and when anybody was told last.

ALTER TABLE alert ADD COLUMN told_at INTEGER;           -- that it is open
ALTER TABLE alert ADD COLUMN end_told_at INTEGER;       -- that it is over
UPDATE alert SET told_at = last_at, end_told_at = resolved_at;
ALTER TABLE deployment ADD COLUMN alerts_told_at INTEGER NOT NULL DEFAULT 0;
