//! Hints to people who were refused: now and then, and never a last word.

use lastword_core::store::{Asked, HintRule};

use super::{
    delivery::{self, NewDelivery},
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
    let number = deployment::next_notice(tx.conn())?;
    delivery::insert(tx, &NewDelivery::notice(number, place.id, None, &rule.text, Some(&asked.message)))
}
