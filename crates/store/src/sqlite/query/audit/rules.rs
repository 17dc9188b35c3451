//! The rules, each with the query that finds what breaks it.

use super::Rule;

const fn rule(rule: &'static str, about: &'static str, broken_by: &'static str) -> Rule {
    Rule { rule, about, broken_by }
}

/// Every rule between rows that the schema does not keep by itself.
pub(crate) const RULES: &[Rule] = &[
    rule(
        "a turn that is owed has a marker",
        "turn",
        "SELECT t.id FROM turn t WHERE t.state IN ('queued', 'running')
             AND NOT EXISTS (SELECT 1 FROM marker m WHERE m.turn = t.id)",
    ),
    rule(
        "a marker stands for a turn that is owed",
        "turn",
        "SELECT m.turn FROM marker m
             WHERE NOT EXISTS (SELECT 1 FROM turn t WHERE t.id = m.turn AND t.state IN ('queued', 'running'))",
    ),
    rule(
        "a running turn has an owner, a queued one has none",
        "turn",
        "SELECT t.id FROM marker m CROSS JOIN turn t ON t.id = m.turn
             WHERE (t.state = 'running') <> (m.owner IS NOT NULL) AND t.state IN ('queued', 'running')",
    ),
    rule(
        "a marker stands for its turn's attempt",
        "turn",
        "SELECT t.id FROM marker m CROSS JOIN turn t ON t.id = m.turn WHERE m.attempt <> t.attempt",
    ),
    rule(
        "who owns a marker is registered",
        "turn",
        "SELECT m.turn FROM marker m WHERE m.owner IS NOT NULL AND m.owner NOT IN (SELECT id FROM incarnation)",
    ),
    rule(
        "who holds a delivery is registered",
        "delivery",
        "SELECT d.id FROM delivery d WHERE d.holder IS NOT NULL AND d.holder NOT IN (SELECT id FROM incarnation)",
    ),
    rule(
        "an ended turn has a terminal",
        "turn",
        "SELECT t.id FROM turn t WHERE t.state IN ('done', 'failed', 'cancelled')
             AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.turn = t.id AND d.part = 1)",
    ),
    rule(
        "a turn that is owed or merged has no terminal",
        "turn",
        "SELECT t.id FROM turn t WHERE t.state IN ('queued', 'running', 'merged')
             AND EXISTS (SELECT 1 FROM delivery d WHERE d.turn = t.id AND d.part = 1)",
    ),
    rule(
        "a turn that is owed was not emptied",
        "turn",
        "SELECT t.id FROM turn t LEFT JOIN turn l ON l.id = t.merged_into
             WHERE t.emptied_at IS NOT NULL AND ifnull(l.state, t.state) IN ('queued', 'running')",
    ),
    rule(
        "a merged turn's lead is there and not merged itself",
        "turn",
        "SELECT t.id FROM turn t LEFT JOIN turn l ON l.id = t.merged_into
             WHERE t.merged_into IS NOT NULL AND (l.id IS NULL OR l.state = 'merged' OR l.place <> t.place)",
    ),
    rule(
        "a turn's place is there and counts beyond it",
        "turn",
        "SELECT t.id FROM turn t LEFT JOIN place p ON p.id = t.place
             WHERE p.id IS NULL OR t.seq >= p.next_seq OR t.session > p.session",
    ),
    rule(
        "a place knows its running turn",
        "place",
        "SELECT p.id FROM place p
             WHERE p.running IS NOT (SELECT t.id FROM turn t WHERE t.place = p.id AND t.state = 'running')",
    ),
    rule(
        "a command that is owed is a request, and only such a one",
        "turn",
        "SELECT t.id FROM marker m CROSS JOIN turn t ON t.id = m.turn
             WHERE t.kind = 'command' AND NOT EXISTS (SELECT 1 FROM request r WHERE r.turn = t.id)
         UNION SELECT r.turn FROM request r
             WHERE NOT EXISTS (SELECT 1 FROM marker m CROSS JOIN turn t ON t.id = m.turn
                                   WHERE m.turn = r.turn AND t.kind = 'command')",
    ),
    rule(
        "a place knows the head of its queue",
        "place",
        "SELECT p.id FROM place p LEFT JOIN
             (SELECT t.place, t.id, min(t.seq) FROM marker m CROSS JOIN turn t ON t.id = m.turn
                  WHERE t.state = 'queued' AND t.kind = 'agent' GROUP BY t.place) q ON q.place = p.id
             WHERE p.head IS NOT q.id",
    ),
    rule(
        "a place knows how many wait in it",
        "place",
        "SELECT p.id FROM place p LEFT JOIN
             (SELECT t.place, count(*) AS n FROM marker m CROSS JOIN turn t ON t.id = m.turn
                  WHERE t.state = 'queued' AND t.kind = 'agent' GROUP BY t.place) q ON q.place = p.id
             WHERE p.waiting <> ifnull(q.n, 0)",
    ),
    rule("how replies are posted in a place can be read", "place", "SELECT id FROM place WHERE NOT json_valid(shape)"),
    rule(
        "a delivery goes to its turn's place",
        "delivery",
        "SELECT d.id FROM delivery d LEFT JOIN turn t ON t.id = d.turn
             WHERE d.turn IS NOT NULL AND (t.id IS NULL OR t.place <> d.place)",
    ),
    rule(
        "a delivery's place is there and counts beyond its lane",
        "delivery",
        "SELECT d.id FROM delivery d LEFT JOIN place p ON p.id = d.place
             WHERE p.id IS NULL OR ifnull(d.lane >= p.next_lane, 0)",
    ),
    rule(
        "nothing behind the head of a lane is being sent",
        "delivery",
        "SELECT d.id FROM delivery d WHERE d.holder IS NOT NULL AND d.lane IS NOT NULL
             AND EXISTS (SELECT 1 FROM delivery e WHERE e.place = d.place AND e.lane IS NOT NULL AND e.lane < d.lane
                             AND e.ended_at IS NULL)",
    ),
    rule(
        "the turn that an update made is there",
        "turn",
        "SELECT i.turn FROM inbox i WHERE i.turn IS NOT NULL AND NOT EXISTS (SELECT 1 FROM turn t WHERE t.id = i.turn)",
    ),
    rule(
        "the update that made a turn is in the inbox",
        "turn",
        "SELECT t.id FROM turn t JOIN place p ON p.id = t.place WHERE t.update_id IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.account = p.account AND i.update_id = t.update_id
                                 AND i.turn = t.id)",
    ),
    rule(
        "what an attempt left belongs to a turn that is owed",
        "turn",
        "SELECT g.turn FROM (SELECT turn FROM process_group UNION SELECT turn FROM progress) g
             WHERE NOT EXISTS (SELECT 1 FROM marker m WHERE m.turn = g.turn)",
    ),
    rule(
        "what the trace tells is of a turn that is there",
        "turn",
        "SELECT DISTINCT r.turn FROM trace r WHERE NOT EXISTS (SELECT 1 FROM turn t WHERE t.id = r.turn)",
    ),
];
