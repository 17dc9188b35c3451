//! Commands about a place, answered in the transaction that accepts them.

use lastword_core::{
    ids::TurnId,
    reason::Reason,
    store::{Elected, End, PlaceCommand, Topic},
};

use super::{
    deployment,
    elect::{self, Word},
    file, outbox, pause,
    place::{self, PlaceRow},
    request,
    turn::{self, Arrived},
};
use crate::{
    replies,
    sqlite::{failure::Res, tx::Tx},
};

pub(crate) fn take(tx: &Tx<'_>, place: &PlaceRow, arrived: Arrived<'_>, command: &PlaceCommand) -> Res<TurnId> {
    let answer = |text: &str| turn::insert_answered(tx, place, arrived, None, text, None);
    match command {
        PlaceCommand::Status { about } => answer(&status(tx, place, about)?),
        PlaceCommand::New => {
            place::begin_session(tx, place.id)?;
            answer(&replies::started_afresh(place.running.is_some()))
        }
        PlaceCommand::Stop => answer(stop(tx, place)?),
        PlaceCommand::Operate(operation) => request::take(tx, place, arrived, *operation),
        PlaceCommand::Pause { why } => pause::begin(tx, place, arrived, why.as_deref()),
        PlaceCommand::Resume => answer(pause::end(tx)?),
        PlaceCommand::Messaging { change, configured } => {
            if let Some(level) = change {
                deployment::set_messaging(tx, *level)?;
            }
            answer(&replies::messaging(deployment::messaging(tx.conn())?, *configured))
        }
        PlaceCommand::SendAgain { delivery } => answer(&outbox::retry(tx, &arrived.asked.place.account, *delivery)?),
        PlaceCommand::Drop { delivery, reason } => {
            let (is_dropped, text) = outbox::drop(tx, &arrived.asked.place.account, *delivery)?;
            let turn = answer(&text)?;
            if is_dropped {
                outbox::say_why(tx, *delivery, turn, reason)?;
            }
            Ok(turn)
        }
        PlaceCommand::Retry { queue_max } => match turn::asked_last(tx.conn(), place.id, &arrived.asked.sender)? {
            None => answer(replies::NOTHING_TO_RETRY),
            Some(last) if last.state.is_owed() => answer(replies::STILL_WORKING),
            Some(last) => {
                let turn = turn::queue_or_say_busy(tx, place, arrived, &last.task, *queue_max)?;
                file::ask_again(tx, last.lead, &arrived.asked.sender, turn)?;
                Ok(turn)
            }
        },
    }
}

fn status(tx: &Tx<'_>, place: &PlaceRow, about: &str) -> Res<String> {
    let started_at = place.running.map(|turn| turn::started_at(tx.conn(), turn)).transpose()?.flatten();
    let paused =
        pause::find(tx.conn())?.map(|paused| replies::paused(tx.now().since_ms(paused.at), paused.why.as_deref()));
    let about = [about.trim_end(), paused.as_deref().unwrap_or_default()].join("\n");
    let running_for_ms = started_at.map(|at| tx.now().since_ms(at));
    Ok(replies::status(about.trim_start(), running_for_ms, place.waiting, place.session))
}

/// Speaks for the running turn, if it is still owed.
fn stop(tx: &Tx<'_>, place: &PlaceRow) -> Res<&'static str> {
    let Some(turn) = place.running else { return Ok(replies::NOTHING_RUNS) };
    let Some(attempt) = elect::current_attempt(tx.conn(), turn)? else { return Ok(replies::NOTHING_RUNS) };
    let parts = [Reason::Stopped.last_word()];
    let word =
        Word { turn, attempt, end: &End::Errored(Reason::Stopped), parts: &parts, files: &[], if_progress: None };
    match elect::elect(tx, &word)? {
        Elected::Won => {
            tx.touch(Topic::Decided);
            Ok(replies::STOPPED)
        }
        Elected::Lost => Ok(replies::NOTHING_RUNS),
    }
}
