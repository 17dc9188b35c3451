-- Who accepted what, what is owed, and what is on its way. Names of constraints are the rules that they keep.
-- Words are compared one by one: for an IN of more than two the engine builds a table, on every write.

CREATE TABLE deployment (
    one        INTEGER NOT NULL PRIMARY KEY CONSTRAINT "a database belongs to one deployment" CHECK (one = 1),
    id         TEXT    NOT NULL,                        -- part of every delivery key, so that no new database repeats one
    created_at INTEGER NOT NULL,
    notices    INTEGER NOT NULL DEFAULT 0               -- numbers the deliveries that belong to no turn
) STRICT;

CREATE TABLE tally (
    name TEXT    NOT NULL PRIMARY KEY,
    n    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE incarnation (
    id            TEXT    NOT NULL PRIMARY KEY,
    role          TEXT    NOT NULL CHECK (role IN ('bridge', 'worker')),
    pid           INTEGER NOT NULL,
    build         TEXT    NOT NULL,
    beat          INTEGER NOT NULL DEFAULT 0,
    registered_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
    account      TEXT    NOT NULL PRIMARY KEY,
    identity     TEXT    NOT NULL,                      -- the network's id of the bot, which the cursor belongs to
    cursor       TEXT,
    holder       TEXT,
    fence        INTEGER NOT NULL DEFAULT 0,
    paused_until INTEGER NOT NULL DEFAULT 0,
    delivered_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE inbox (
    account   TEXT    NOT NULL,
    update_id TEXT    NOT NULL,
    turn      INTEGER,
    reason    TEXT,
    at        INTEGER NOT NULL,
    PRIMARY KEY (account, update_id),
    CONSTRAINT "an update makes a turn or has a reason" CHECK ((turn IS NULL) <> (reason IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE hint (
    account TEXT    NOT NULL,
    user    TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (account, user)
) STRICT, WITHOUT ROWID;

CREATE TABLE place (
    id           INTEGER NOT NULL PRIMARY KEY,
    account      TEXT    NOT NULL,
    conversation TEXT    NOT NULL,
    thread       TEXT,
    shape        TEXT    NOT NULL,
    session      INTEGER NOT NULL DEFAULT 1,
    next_seq     INTEGER NOT NULL DEFAULT 1,
    next_lane    INTEGER NOT NULL DEFAULT 1,
    running      INTEGER,                               -- the running turn
    head         INTEGER,                               -- the oldest queued turn
    waiting      INTEGER NOT NULL DEFAULT 0,            -- how many are queued
    paused_until INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT "a place where turns wait has a head" CHECK ((head IS NULL) = (waiting = 0)),
    CONSTRAINT "no fewer than none wait" CHECK (waiting >= 0)
) STRICT;
CREATE UNIQUE INDEX one_row_per_conversation ON place (account, conversation) WHERE thread IS NULL;
CREATE UNIQUE INDEX one_row_per_thread ON place (account, conversation, thread);
CREATE INDEX place_may_be_claimed ON place (head) WHERE head IS NOT NULL AND running IS NULL;

CREATE TABLE turn (
    id                 INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    place              INTEGER NOT NULL REFERENCES place (id),
    seq                INTEGER NOT NULL,
    kind               TEXT    NOT NULL CHECK (kind IN ('agent', 'command')),
    state              TEXT    NOT NULL
                       CHECK (state = 'queued' OR state = 'running' OR state = 'done' OR state = 'failed'
                              OR state = 'cancelled' OR state = 'merged'),
    attempt            INTEGER NOT NULL DEFAULT 0,
    session            INTEGER NOT NULL,
    agent              TEXT,
    replay_max         INTEGER,                         -- NULL: an error when its worker is lost
    may_collect        INTEGER NOT NULL DEFAULT 0,
    has_placeholder    INTEGER NOT NULL DEFAULT 0,      -- whether one was ever asked for
    placeholder        TEXT,                            -- the message, once the network has it
    placeholder_holder TEXT,                            -- who posted it
    merged_into        INTEGER REFERENCES turn (id),
    reason             TEXT,
    sender             TEXT    NOT NULL,
    sender_name        TEXT,
    message            TEXT    NOT NULL,
    accepted_at        INTEGER NOT NULL,
    started_at         INTEGER,
    ended_at           INTEGER,
    text               TEXT    NOT NULL,
    prompt             TEXT,                            -- NULL for commands
    CONSTRAINT "an agent turn names its agent and asks it something"
        CHECK (kind = 'command' OR (agent IS NOT NULL AND prompt IS NOT NULL)),
    CONSTRAINT "a merged turn names the turn that answers for it" CHECK ((state = 'merged') = (merged_into IS NOT NULL)),
    CONSTRAINT "a turn that ended without an answer has a reason"
        CHECK ((state IN ('failed', 'cancelled')) = (reason IS NOT NULL)),
    CONSTRAINT "a turn ends when its last word is elected"
        CHECK ((state = 'queued' OR state = 'running' OR state = 'merged') = (ended_at IS NULL)),
    CONSTRAINT "only an attempt runs" CHECK (state <> 'running' OR attempt >= 1)
) STRICT;
CREATE UNIQUE INDEX turns_of_a_place_are_in_order ON turn (place, seq);
CREATE UNIQUE INDEX one_running_turn_per_place ON turn (place) WHERE state = 'running';
CREATE INDEX turn_merged_into ON turn (merged_into) WHERE merged_into IS NOT NULL;

-- Small and hot: the liveness row of a turn that still owes its terminal reply. Deleting it is the election.
CREATE TABLE marker (
    turn     INTEGER NOT NULL PRIMARY KEY REFERENCES turn (id),
    attempt  INTEGER NOT NULL DEFAULT 0,
    owner    TEXT,
    progress INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT "who owns a marker runs an attempt" CHECK (owner IS NULL OR attempt >= 1)
) STRICT;
CREATE INDEX marker_of_an_owner ON marker (owner) WHERE owner IS NOT NULL;

CREATE TABLE process_group (
    turn          INTEGER NOT NULL,
    attempt       INTEGER NOT NULL,
    pid           INTEGER NOT NULL,
    started_ticks INTEGER NOT NULL,
    PRIMARY KEY (turn, attempt, pid, started_ticks)
) STRICT, WITHOUT ROWID;

CREATE TABLE progress (
    turn    INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    n       INTEGER NOT NULL,
    text    TEXT    NOT NULL,
    PRIMARY KEY (turn, attempt, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE delivery (
    id          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    key         TEXT    NOT NULL,                       -- the same on every attempt
    place       INTEGER NOT NULL REFERENCES place (id),
    turn        INTEGER REFERENCES turn (id),
    part        INTEGER,                                -- 0 the placeholder, 1 the terminal, 2… further parts
    lane        INTEGER,                                -- NULL may overtake
    kind        TEXT    NOT NULL CHECK (kind = 'placeholder' OR kind = 'terminal' OR kind = 'part'
                                             OR kind = 'assertion' OR kind = 'hint'),
    via         TEXT    NOT NULL CHECK (via IN ('post', 'edit')),
    form        TEXT    NOT NULL CHECK (form = 'formatted' OR form = 'plain' OR form = 'apology'),
    state       TEXT    NOT NULL DEFAULT 'pending'
                CHECK (state = 'pending' OR state = 'sending' OR state = 'ambiguous'
                       OR state = 'delivered' OR state = 'superseded' OR state = 'dead'),
    attempts    INTEGER NOT NULL DEFAULT 0,
    holder      TEXT,
    not_before  INTEGER NOT NULL,
    doubted_at  INTEGER,
    failed_at   INTEGER,
    reply_to    TEXT,
    target      TEXT,
    message     TEXT,
    cause       TEXT,                                   -- of the last trouble, for the operator
    created_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    text        TEXT    NOT NULL,                       -- as elected
    posted_text TEXT,                                   -- what is posted instead, after a refusal of the content
    CONSTRAINT "only a delivery that is being sent has a holder" CHECK ((state = 'sending') = (holder IS NOT NULL)),
    CONSTRAINT "a delivery is open until it ended"
        CHECK ((state = 'pending' OR state = 'sending' OR state = 'ambiguous') = (ended_at IS NULL)),
    CONSTRAINT "a delivered message has the network's name" CHECK (state <> 'delivered' OR message IS NOT NULL),
    CONSTRAINT "a dead delivery has a cause" CHECK (state <> 'dead' OR cause IS NOT NULL),
    CONSTRAINT "part 1 is the terminal" CHECK ((kind = 'terminal') = (part IS 1)),
    CONSTRAINT "part 0 is the placeholder" CHECK ((kind = 'placeholder') = (part IS 0)),
    CONSTRAINT "a part belongs to a turn" CHECK (part IS NULL OR turn IS NOT NULL),
    CONSTRAINT "a key has at most 64 characters" CHECK (length(key) <= 64),
    -- So the index of a turn's parts keeps their keys unique; only the other keys need an index of their own.
    CONSTRAINT "a part's key ends with its turn and part"
        CHECK (part IS NULL OR substr(key, -2 - length(turn) - length(part)) = '-' || turn || '-' || part)
) STRICT;
CREATE UNIQUE INDEX one_delivery_per_key_beside_parts ON delivery (key) WHERE part IS NULL;
CREATE UNIQUE INDEX one_terminal_and_one_of_each_part_per_turn ON delivery (turn, part) WHERE part IS NOT NULL;
CREATE UNIQUE INDEX open_deliveries_of_a_lane ON delivery (place, lane)
    WHERE lane IS NOT NULL AND ended_at IS NULL;
CREATE INDEX delivery_waits ON delivery (id) WHERE state IN ('pending', 'ambiguous');
CREATE INDEX delivery_of_a_holder ON delivery (holder) WHERE holder IS NOT NULL;
