-- How much admins are told unasked, and which alerts the operator's webhook has.

ALTER TABLE deployment ADD COLUMN messaging TEXT;       -- as an admin said last; NULL is as configured
ALTER TABLE alert ADD COLUMN posted_at INTEGER;         -- that it is open
ALTER TABLE alert ADD COLUMN end_posted_at INTEGER;     -- that it is over
UPDATE alert SET posted_at = last_at, end_posted_at = resolved_at WHERE resolved_at IS NOT NULL;
CREATE INDEX alert_unposted ON alert (id) WHERE posted_at IS NULL OR (resolved_at IS NOT NULL AND end_posted_at IS NULL);
ALTER TABLE incarnation ADD COLUMN told_at INTEGER;     -- that it began
UPDATE incarnation SET told_at = registered_at;
