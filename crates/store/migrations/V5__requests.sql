-- What operators ask of the processes: turns that are owed and that no worker runs, so they stand in no queue.

CREATE TABLE request (
    turn     INTEGER NOT NULL PRIMARY KEY REFERENCES turn (id),
    what     TEXT    NOT NULL,
    replaces TEXT    NOT NULL                           -- the incarnations that lived when it was accepted
) STRICT;
