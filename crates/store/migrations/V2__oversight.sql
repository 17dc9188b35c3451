-- What the operator asks: alerts, what befell a turn beside what its rows tell, and what was erased or removed.

CREATE TABLE alert (
    id          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    code        TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    detail      TEXT    NOT NULL,                       -- of the last time it was raised
    count       INTEGER NOT NULL DEFAULT 1,
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    resolved_at INTEGER
) STRICT;
CREATE UNIQUE INDEX one_open_alert_per_code_and_subject ON alert (code, subject) WHERE resolved_at IS NULL;
CREATE INDEX alert_raised_last ON alert (last_at);

-- Only what is rare: everything else that happened to a turn is told by its rows.
CREATE TABLE trace (
    turn     INTEGER NOT NULL,
    n        INTEGER NOT NULL,                          -- counts the rows of a turn from 1
    delivery INTEGER,                                   -- NULL: about the turn itself
    at       INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    count    INTEGER NOT NULL DEFAULT 1,                -- how often in a row
    what     TEXT    NOT NULL,
    detail   TEXT    NOT NULL,
    PRIMARY KEY (turn, n)
) STRICT, WITHOUT ROWID;

-- How far the janitor came in the pass that it is in.
CREATE TABLE janitor (
    one       INTEGER NOT NULL PRIMARY KEY CONSTRAINT "there is one janitor" CHECK (one = 1),
    next_turn INTEGER NOT NULL
) STRICT;
INSERT INTO janitor (one, next_turn) VALUES (1, 0);

ALTER TABLE turn ADD COLUMN update_id TEXT;             -- the inbox row that made it
UPDATE turn SET update_id = i.update_id FROM inbox i WHERE i.turn = turn.id;
ALTER TABLE turn ADD COLUMN emptied_at INTEGER;         -- when its content was erased

-- These hold rows that few turns have, or none: nothing is added to what every message costs.
CREATE INDEX delivery_beside_parts ON delivery (turn) WHERE part IS NULL AND turn IS NOT NULL;
CREATE INDEX notice_ended ON delivery (ended_at) WHERE turn IS NULL AND ended_at IS NOT NULL;
CREATE INDEX inbox_without_turn ON inbox (at) WHERE turn IS NULL;
