//! Collecting waiting turns into the one that is claimed: its reply answers all of them.

use lastword_core::{
    ids::{AgentId, PlaceId, TurnId},
    turn::{TurnHappened, TurnState},
};
use rusqlite::Connection;

use super::turn;
use crate::sqlite::{
    failure::Res,
    row::{change_one, one},
    tx::Tx,
};

/// The longest prompt that collecting may make, in bytes.
const COLLECTED_BYTES_MAX: usize = 64 * 1024;

/// The turn that is claimed.
#[derive(Clone, Copy)]
pub(crate) struct Lead<'a> {
    pub(crate) turn: TurnId,
    pub(crate) place: PlaceId,
    pub(crate) seq: i64,
    pub(crate) session: u32,
    pub(crate) agent: &'a AgentId,
    pub(crate) prompt: &'a str,
}

/// What a lead collected.
pub(crate) struct Collected {
    /// How many turns.
    pub(crate) turns: usize,
    /// The last one's position, or the lead's own.
    pub(crate) last_seq: i64,
    /// The lead's prompt with theirs behind it, if there are any.
    pub(crate) prompt: Option<String>,
    /// Whether files came with any of them.
    pub(crate) has_files: bool,
}

struct Waiting {
    turn: TurnId,
    seq: i64,
    state: TurnState,
    session: u32,
    agent: AgentId,
    may_collect: bool,
    prompt: String,
    has_files: bool,
    waits_for_files: bool,
}

/// Merges the turns that follow `lead` without a gap, for as long as they are for the same agent and session, may be
/// collected, wait for no file, and make no prompt longer than [`COLLECTED_BYTES_MAX`].
pub(crate) fn collect(tx: &Tx<'_>, lead: Lead<'_>) -> Res<Collected> {
    const KEEP: &str = "UPDATE turn SET prompt = ?2 WHERE id = ?1";
    let mut collected = Collected { turns: 0, last_seq: lead.seq, prompt: None, has_files: false };
    let mut prompt = lead.prompt.to_owned();
    while let Some(next) = next_waiting(tx.conn(), lead.place, collected.last_seq)? {
        let fits = prompt.len() + turn::PROMPTS_PARTED_BY.len() + next.prompt.len() <= COLLECTED_BYTES_MAX;
        let is_alike = next.agent == *lead.agent && next.session == lead.session;
        if !is_alike || !next.may_collect || next.waits_for_files || !fits {
            break;
        }
        merge(tx, &next, lead.turn)?;
        collected.turns += 1;
        collected.last_seq = next.seq;
        collected.has_files |= next.has_files;
        prompt.push_str(turn::PROMPTS_PARTED_BY);
        prompt.push_str(&next.prompt);
    }
    if collected.turns > 0 {
        change_one(tx.conn(), KEEP, (lead.turn.0, &prompt))?;
        collected.prompt = Some(prompt);
    }
    Ok(collected)
}

fn next_waiting(conn: &Connection, place: PlaceId, after_seq: i64) -> Res<Option<Waiting>> {
    const SQL: &str = "SELECT id, seq, state, session, agent, may_collect, prompt,
             EXISTS (SELECT 1 FROM file f WHERE f.turn = turn.id),
             EXISTS (SELECT 1 FROM file f WHERE f.turn = turn.id AND f.result IS NULL)
         FROM turn
         WHERE place = ?1 AND seq > ?2 AND state = 'queued' AND kind = 'agent' ORDER BY seq LIMIT 1";
    one(conn, SQL, (place.0, after_seq), |row| {
        Ok(Waiting {
            turn: row.turn()?,
            seq: row.get()?,
            state: row.word(TurnState::from_stored)?,
            session: row.get()?,
            agent: row.name(AgentId::new)?,
            may_collect: row.get()?,
            prompt: row.get()?,
            has_files: row.get()?,
            waits_for_files: row.get()?,
        })
    })
}

fn merge(tx: &Tx<'_>, waiting: &Waiting, lead: TurnId) -> Res<()> {
    const SQL: &str = "UPDATE turn SET state = ?3, merged_into = ?4 WHERE id = ?1 AND state = ?2";
    let state = turn::after(waiting.state, TurnHappened::Collected)?;
    change_one(tx.conn(), SQL, (waiting.turn.0, waiting.state.as_str(), state.as_str(), lead.0))?;
    change_one(tx.conn(), "DELETE FROM marker WHERE turn = ?1", [waiting.turn.0])?;
    tx.count(|tally| tally.ended(state, None));
    Ok(())
}
