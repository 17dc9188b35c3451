//! Erasing what people and agents wrote; the rows stay, so that the counts hold.
//!
//! The connection overwrites what it deletes (`secure_delete`), so that nothing of it is left in the file.

use lastword_core::{ids::TurnId, reason::Reason};

use super::turn;
use crate::sqlite::{
    failure::Res,
    row::{one, run},
    tx::Tx,
};

/// What is told instead of a cause, which may quote what was posted.
const ERASED: &str = "erased";

/// A turn that ended: its text, its prompt, who asked, and what was answered.
pub(crate) fn turn(tx: &Tx<'_>, turn: TurnId) -> Res<()> {
    const SQL: &str =
        "UPDATE turn SET text = '', prompt = CASE WHEN prompt IS NOT NULL THEN '' END, sender_name = NULL,
             reason = ?2, emptied_at = ?3
         WHERE id = ?1";
    let reason: Option<Reason> =
        one(tx.conn(), "SELECT reason FROM turn WHERE id = ?1", [turn.0], |row| row.opt_json()).map(Option::flatten)?;
    let reason = reason.map(without_content).as_ref().map(turn::encode).transpose()?;
    run(tx.conn(), SQL, (turn.0, reason, tx.now().0))?;
    run(tx.conn(), "DELETE FROM file WHERE turn = ?1", [turn.0])?;
    super::pause::erase(tx, turn)?;
    super::outbox::erase(tx, turn)?;
    reply(tx, turn)
}

/// What a turn was answered, and the prompt, which may hold what others asked.
pub(crate) fn joined(tx: &Tx<'_>, lead: TurnId) -> Res<()> {
    run(tx.conn(), "UPDATE turn SET prompt = '' WHERE id = ?1 AND prompt IS NOT NULL", [lead.0])?;
    reply(tx, lead)
}

fn reply(tx: &Tx<'_>, turn: TurnId) -> Res<()> {
    const PARTS: &str =
        "UPDATE delivery SET text = '', posted_text = NULL, files = NULL, cause = CASE WHEN cause IS NOT NULL THEN ?2 END
         WHERE turn = ?1 AND part IS NOT NULL";
    const BESIDE: &str =
        "UPDATE delivery SET text = '', posted_text = NULL, cause = CASE WHEN cause IS NOT NULL THEN ?2 END
         WHERE turn = ?1 AND part IS NULL";
    const TRACE: &str = "UPDATE trace SET detail = ?2 WHERE turn = ?1 AND delivery IS NOT NULL";
    for sql in [PARTS, BESIDE, TRACE] {
        run(tx.conn(), sql, (turn.0, ERASED))?;
    }
    alerts(tx, turn)?;
    super::progress::forget_texts(tx, turn)
}

/// Alerts on what was posted; [`super::settle`] begins their details like this. What they are about stays.
fn alerts(tx: &Tx<'_>, turn: TurnId) -> Res<()> {
    const SQL: &str = "UPDATE alert SET detail = ?1 || ?2 WHERE substr(detail, 1, length(?1)) = ?1";
    run(tx.conn(), SQL, (format!("turn {turn}, delivery "), ERASED))?;
    Ok(())
}

/// The same reason without what a person or an agent wrote.
fn without_content(reason: Reason) -> Reason {
    match reason {
        Reason::AgentFailed { line: _ } => Reason::AgentFailed { line: String::new() },
        Reason::CommandUnknown { command: _, nearest: _ } => {
            Reason::CommandUnknown { command: String::new(), nearest: None }
        }
        Reason::NoFile { why: _ } => Reason::NoFile { why: String::new() },
        reason => reason,
    }
}
