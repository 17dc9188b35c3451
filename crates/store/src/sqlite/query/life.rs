//! One message's life: from its rows what every message has, from the trace what is rare.

use lastword_core::{
    ids::{AccountId, AgentId, Timestamp, TurnId, UpdateId, UserId},
    reason::Reason,
    store::{Trace, TraceEvent, TraceOf, Traced},
    turn::TurnState,
};
use rusqlite::Connection;

use super::view;
use crate::sqlite::{
    failure::Res,
    row::{all, one},
};

/// What a turn's row tells beside [`view`].
struct Facts {
    account: AccountId,
    update: Option<UpdateId>,
    state: TurnState,
    attempt: u32,
    sender: UserId,
    agent: Option<AgentId>,
    merged_into: Option<TurnId>,
    reason: Option<Reason>,
    accepted_at: Timestamp,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    emptied_at: Option<Timestamp>,
    owner: Option<String>,
    /// When the turn that answers for it was claimed last.
    collected_at: Option<Timestamp>,
}

/// `None` if it was never here, or was removed.
pub(crate) fn life(conn: &Connection, of: &TraceOf) -> Res<Option<Trace>> {
    match of {
        TraceOf::Turn(turn) => of_turn(conn, *turn),
        TraceOf::Update(account, update) => of_update(conn, account, update),
    }
}

fn of_update(conn: &Connection, account: &AccountId, update: &UpdateId) -> Res<Option<Trace>> {
    const SQL: &str = "SELECT turn, reason, at FROM inbox WHERE account = ?1 AND update_id = ?2";
    let found = one(conn, SQL, (account.as_str(), update.as_str()), |row| {
        Ok((row.opt_turn()?, row.opt_json::<Reason>()?, row.at()?))
    })?;
    let (dropped, at) = match found {
        None => return Ok(None),
        Some((Some(turn), _, _)) => return of_turn(conn, turn),
        Some((None, dropped, at)) => (dropped, at),
    };
    let why = dropped.as_ref().map_or("", |reason| reason.code());
    let (account, update) = (account.clone(), Some(update.clone()));
    let events = vec![event(at, Traced::Refused, why)];
    Ok(Some(Trace { account, update, turn: None, sender: None, agent: None, dropped, events }))
}

fn of_turn(conn: &Connection, turn: TurnId) -> Res<Option<Trace>> {
    let Some(facts) = facts(conn, turn)? else { return Ok(None) };
    let mut events = from_turn(&facts);
    events.extend(from_trace(conn, turn)?);
    events.extend(from_deliveries(conn, turn)?);
    // What happened at one moment is told in the order of a turn's life.
    events.sort_by_key(|(rank, event)| (event.at, *rank));
    Ok(Some(Trace {
        account: facts.account,
        update: facts.update,
        turn: view::turn(conn, turn)?,
        sender: Some(facts.sender),
        agent: facts.agent,
        dropped: None,
        events: events.into_iter().map(|(_, event)| event).collect(),
    }))
}

fn facts(conn: &Connection, turn: TurnId) -> Res<Option<Facts>> {
    const SQL: &str = "SELECT p.account, t.update_id, t.state, t.attempt, t.sender, t.agent, t.merged_into, t.reason,
             t.accepted_at, t.started_at, t.ended_at, t.emptied_at, m.owner, l.started_at
         FROM turn t JOIN place p ON p.id = t.place LEFT JOIN marker m ON m.turn = t.id
             LEFT JOIN turn l ON l.id = t.merged_into
         WHERE t.id = ?1";
    one(conn, SQL, [turn.0], |row| {
        Ok(Facts {
            account: row.name(AccountId::new)?,
            update: row.opt_name(UpdateId::new)?,
            state: row.word(TurnState::from_stored)?,
            attempt: row.get()?,
            sender: row.name(UserId::new)?,
            agent: row.opt_name(AgentId::new)?,
            merged_into: row.opt_turn()?,
            reason: row.opt_json()?,
            accepted_at: row.at()?,
            started_at: row.opt_at()?,
            ended_at: row.opt_at()?,
            emptied_at: row.opt_at()?,
            owner: row.get()?,
            collected_at: row.opt_at()?,
        })
    })
}

type Ranked = (usize, TraceEvent);

fn event(at: Timestamp, what: Traced, detail: impl Into<String>) -> TraceEvent {
    TraceEvent { at, what: what.as_str().into(), detail: detail.into() }
}

fn ranked(at: Timestamp, what: Traced, detail: impl Into<String>) -> Ranked {
    (rank(what.as_str()), event(at, what, detail))
}

/// Of two things that happened at one moment, the one with the lower rank came first.
fn rank(what: &str) -> usize {
    const ORDER: [Traced; 9] = [
        Traced::Accepted,
        Traced::Claimed,
        Traced::Merged,
        Traced::Requeued,
        Traced::Lost,
        Traced::Elected,
        Traced::DeliverySuperseded,
        Traced::DeliveryQueued,
        Traced::DeliveryDoubted,
    ];
    ORDER.iter().position(|one| one.as_str() == what).unwrap_or(ORDER.len())
}

fn from_turn(facts: &Facts) -> Vec<Ranked> {
    let kind = if facts.agent.is_some() { "a turn for an agent" } else { "answered at once" };
    let mut events = vec![ranked(facts.accepted_at, Traced::Accepted, kind)];
    if let Some(lead) = facts.merged_into {
        let at = facts.collected_at.unwrap_or(facts.accepted_at);
        events.push(ranked(at, Traced::Merged, format!("turn {lead} answers for it")));
    }
    if let Some(at) = facts.started_at {
        let by = facts.owner.as_ref().map_or_else(String::new, |owner| format!(" by {owner}"));
        events.push(ranked(at, Traced::Claimed, format!("attempt {}{by}", facts.attempt)));
    }
    if let Some(at) = facts.ended_at {
        let why = facts.reason.as_ref().map_or("answered", |reason| reason.code());
        events.push(ranked(at, Traced::Elected, format!("{why}, {}", facts.state.as_str())));
    }
    events.extend(facts.emptied_at.map(|at| ranked(at, Traced::Emptied, "")));
    events
}

fn from_trace(conn: &Connection, turn: TurnId) -> Res<Vec<Ranked>> {
    const SQL: &str = "SELECT at, last_at, count, what, detail FROM trace WHERE turn = ?1 ORDER BY n";
    all(conn, SQL, [turn.0], |row| {
        let (at, last_at) = (row.at()?, row.at()?);
        let (count, what, mut detail) = (row.get::<i64>()?, row.get::<String>()?, row.get::<String>()?);
        if count > 1 {
            detail = format!("{detail}; {count} times until {last_at}");
        }
        Ok((rank(&what), TraceEvent { at, what, detail }))
    })
}

fn from_deliveries(conn: &Connection, turn: TurnId) -> Res<Vec<Ranked>> {
    const SQL: &str = "SELECT id, kind, via, state, attempts, message, cause, created_at, ended_at FROM delivery
             WHERE turn = ?1 AND part IS NOT NULL
         UNION ALL
         SELECT id, kind, via, state, attempts, message, cause, created_at, ended_at FROM delivery
             WHERE turn = ?1 AND part IS NULL";
    let found = all(conn, SQL, [turn.0], |row| {
        let (id, kind, via) = (row.get::<i64>()?, row.get::<String>()?, row.get::<String>()?);
        let (state, attempts) = (row.get::<String>()?, row.get::<u32>()?);
        let (message, cause) = (row.get::<Option<String>>()?, row.get::<Option<String>>()?);
        let named = format!("delivery {id}, {kind}");
        let mut events = vec![ranked(row.at()?, Traced::DeliveryQueued, format!("{named}, by {via}"))];
        if let Some(at) = row.opt_at()? {
            let tried = format!("{named}, attempt {attempts}");
            events.push(match &*state {
                "delivered" => {
                    let message = message.unwrap_or_default();
                    ranked(at, Traced::DeliveryDelivered, format!("{tried}, as message {message}"))
                }
                "superseded" => ranked(at, Traced::DeliverySuperseded, named),
                _ => {
                    let cause = super::alert::plain(&cause.unwrap_or_default());
                    ranked(at, Traced::DeliveryGivenUp, format!("{tried}: {cause}"))
                }
            });
        }
        Ok(events)
    })?;
    Ok(found.into_iter().flatten().collect())
}
