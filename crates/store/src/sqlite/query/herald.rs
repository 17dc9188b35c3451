//! Telling admins of alerts, in the conversations that the operator names: what is new since they were told last, in one
//! message each, and not too often.

use lastword_core::{
    alert::{AlertCode, Messaging},
    capability::{ReplyShape, TextLimit, TextUnit, Via},
    decide::split,
    delivery::Form,
    ids::{Place, PlaceId, Timestamp},
};
use rusqlite::Connection;

use super::{
    delivery::{self, NewDelivery},
    deployment, incarnation,
    place::{self, PlaceRow},
};
use crate::{
    replies,
    sqlite::{
        failure::Res,
        row::{Columns, one, run},
        tx::Tx,
    },
};

/// The most alerts, and processes, that one look reads; more are told next time.
const READ_MAX: usize = 500;
/// How replies are posted where nobody has spoken yet. Whoever speaks there brings the shape that counts.
const UNSEEN: ReplyShape = ReplyShape {
    via: Via::Post,
    text_max: TextLimit { max: 2_000, unit: TextUnit::Bytes },
    has_placeholder: false,
    files: None,
};

/// What is open and nobody was told of, and what they were told of and is over. One that was over before anybody was told
/// is told of by nobody.
macro_rules! news {
    ($what:literal) => {
        concat!(
            "SELECT ",
            $what,
            " FROM alert a WHERE (told_at IS NULL AND resolved_at IS NULL)
                 OR (told_at IS NOT NULL AND resolved_at IS NOT NULL AND end_told_at IS NULL)"
        )
    };
}

/// Whether there is anything that may be told now.
pub(crate) fn has_news(conn: &Connection, now: Timestamp, every_ms: i64, configured: Messaging) -> Res<bool> {
    const ALERTS: &str = concat!(news!("1"), " LIMIT 1");
    const BEGAN: &str = "SELECT 1 FROM incarnation WHERE told_at IS NULL LIMIT 1";
    let is = |sql: &'static str| -> Res<bool> { Ok(one(conn, sql, [], |_| Ok(()))?.is_some()) };
    Ok(deployment::may_tell(conn, now, every_ms)?
        && (is(ALERTS)? || (level(conn, configured)? == Messaging::Debug && is(BEGAN)?)))
}

/// How much admins are told.
fn level(conn: &Connection, configured: Messaging) -> Res<Messaging> {
    Ok(deployment::messaging(conn)?.unwrap_or(configured))
}

/// Tells all of `to`, unless somebody was told less than `every_ms` ago; how many things they were told.
pub(crate) fn tell(tx: &Tx<'_>, to: &[Place], every_ms: i64, configured: Messaging) -> Res<usize> {
    const SQL: &str = concat!(
        news!(
            "a.id, a.code, a.subject, a.detail, a.resolved_at IS NOT NULL,
             EXISTS (SELECT 1 FROM alert o WHERE o.code = a.code AND o.subject = a.subject AND o.resolved_at IS NULL)"
        ),
        " ORDER BY a.id"
    );
    const OPEN_TOLD: &str = "UPDATE alert SET told_at = ?2 WHERE id = ?1";
    const END_TOLD: &str = "UPDATE alert SET end_told_at = ?2 WHERE id = ?1";
    if !deployment::may_tell(tx.conn(), tx.now(), every_ms)? {
        return Ok(0);
    }
    let level = level(tx.conn(), configured)?;
    let began = if level == Messaging::Debug { incarnation::take_untold(tx, READ_MAX)? } else { Vec::new() };
    let news = tx.readable(SQL, [], READ_MAX, "alert", read)?;
    for News { id, is_over, .. } in &news {
        run(tx.conn(), if *is_over { END_TOLD } else { OPEN_TOLD }, (id, tx.now().0))?;
    }
    let worth = |code: AlertCode| level.tells(code.severity());
    let told: Vec<(AlertCode, &News)> =
        news.iter().filter_map(|one| Some((one.code.filter(|code| worth(*code))?, one))).collect();
    let open: Vec<_> =
        told.iter().filter(|(_, one)| !one.is_over).map(|(code, one)| (*code, &*one.subject, &*one.detail)).collect();
    // What is open again is not over.
    let over = told.iter().filter(|(_, one)| one.is_over && !one.is_open);
    let over: Vec<_> = over.map(|(code, one)| (*code, &*one.subject)).collect();
    if open.is_empty() && over.is_empty() && began.is_empty() {
        return Ok(0);
    }
    deployment::told(tx)?;
    let text = replies::alerts(&open, &over, &began);
    for place in to {
        post(tx, place, &text)?;
    }
    Ok(open.len() + over.len() + began.len())
}

/// A change of an alert that nobody was told of.
struct News {
    id: i64,
    /// `None`: a newer build's.
    code: Option<AlertCode>,
    subject: String,
    detail: String,
    is_over: bool,
    /// Whether it, or another of its kind, is open.
    is_open: bool,
}

fn read(id: i64, row: &mut Columns<'_>) -> Res<News> {
    let code = AlertCode::from_stored(&row.get::<String>()?);
    Ok(News { id, code, subject: row.get()?, detail: row.get()?, is_over: row.get()?, is_open: row.get()? })
}

fn post(tx: &Tx<'_>, place: &Place, text: &str) -> Res<()> {
    let (id, limit): (PlaceId, _) = match place::known(tx.conn(), place, UNSEEN)? {
        Some((id, limit)) => (id, limit),
        None => {
            let PlaceRow { id, .. } = place::resolve(tx, place, UNSEEN)?;
            (id, UNSEEN.text_max)
        }
    };
    let text = split::head(text, limit, "…");
    let number = deployment::next_notice(tx.conn())?;
    delivery::insert(tx, &NewDelivery { form: Form::Plain, ..NewDelivery::notice(number, id, None, &text, None) })
}
