-- Whether an admin has paused everything: while the row is there, no turn is claimed.

CREATE TABLE pause (
    one       INTEGER NOT NULL PRIMARY KEY CONSTRAINT "there is one pause" CHECK (one = 1),
    paused_at INTEGER NOT NULL,
    turn      INTEGER NOT NULL,                         -- the command that paused
    why       TEXT                                      -- as the admin put it; NULL: they did not, or it is erased
) STRICT;
