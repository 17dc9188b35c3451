-- Files that came with a message, and files that go out in place of a text.

CREATE TABLE file (
    turn   INTEGER NOT NULL REFERENCES turn (id),
    n      INTEGER NOT NULL,                            -- counts the files of a turn from 1
    remote TEXT    NOT NULL,                            -- how its provider fetches it, and what people call it
    result TEXT,                                        -- what became of it; NULL: it is wanted
    PRIMARY KEY (turn, n),
    CONSTRAINT "files are counted from 1" CHECK (n >= 1)
) STRICT, WITHOUT ROWID;
CREATE INDEX file_wanted ON file (turn, n) WHERE result IS NULL;

ALTER TABLE delivery ADD COLUMN files TEXT;             -- what is posted as files; NULL: a text
