//! Hints to people who were refused: now and then, and never a last word.

use lastword_core::{
    capability::Via,
    delivery::{DeliveryKind, Form},
    store::{Asked, HintRule},
};

use super::{
    delivery::{self, Key, NewDelivery},
    deployment, place,
};
use crate::sqlite::{failure::Res, row::run, tx::Tx};

/// Tells the person why, unless they were told less than `every_ms` ago.
pub(crate) fn maybe_give(tx: &Tx<'_>, asked: &Asked, rule: &HintRule) -> Res<()> {
    const SQL: &str = "INSERT INTO hint (account, user, at) VALUES (?1, ?2, ?3)
         ON CONFLICT (account, user) DO UPDATE SET at = excluded.at WHERE hint.at <= excluded.at - ?4";
    let given = (asked.place.account.as_str(), asked.sender.as_str(), tx.now().0, rule.every_ms);
    if run(tx.conn(), SQL, given)? == 0 {
        return Ok(());
    }
    let place = place::resolve(tx, &asked.place, asked.shape)?;
    delivery::insert(
        tx,
        &NewDelivery {
            key: Key::Notice(deployment::next_notice(tx.conn())?),
            place: place.id,
            turn: None,
            lane: None,
            kind: DeliveryKind::Hint,
            via: Via::Post,
            form: Form::Formatted,
            text: &rule.text,
            reply_to: Some(&asked.message),
            target: None,
            waits: None,
        },
    )
}
