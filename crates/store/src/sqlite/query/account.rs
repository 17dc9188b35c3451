//! Accounts: who may act for them, and where to resume.

use lastword_core::{
    ids::{AccountId, Cursor, IncarnationId, LeaseFence, Timestamp},
    lease::{Lease, LeaseHappened},
    store::AccountLease,
};

use super::incarnation;
use crate::sqlite::{
    failure::{Failure, Res},
    row::{all, change_one, one, run},
    tx::Tx,
};

struct Row {
    identity: String,
    cursor: Option<Cursor>,
    lease: Lease,
}

/// Takes the lease for `holder`, or says `None` while another living incarnation holds it.
pub(crate) fn lease(
    tx: &Tx<'_>,
    account: &AccountId,
    identity: &str,
    holder: &IncarnationId,
) -> Res<Option<AccountLease>> {
    const SQL: &str = "INSERT INTO account (account, identity, cursor, holder, fence) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (account) DO UPDATE SET identity = excluded.identity, cursor = excluded.cursor,
             holder = excluded.holder, fence = excluded.fence";
    incarnation::must_live(tx.conn(), holder)?;
    let row = find(tx, account)?;
    let (lease, cursor) = match row {
        Some(row) => (row.lease, row.cursor.filter(|_| row.identity == identity)),
        None => (Lease::Free { fence: LeaseFence(0) }, None),
    };
    let lease = match lease {
        // Nobody frees the lease of a holder that nobody remembers.
        Lease::Held { holder: of, fence } if !incarnation::lives(tx.conn(), &of)? => {
            after(Lease::Held { holder: of.clone(), fence }, LeaseHappened::Ended { of })?
        }
        lease => lease,
    };
    let Some(Lease::Held { fence, .. }) = lease.after(LeaseHappened::Asked { by: holder.clone() }) else {
        return Ok(None);
    };
    run(tx.conn(), SQL, (account.as_str(), identity, cursor.as_ref().map(Cursor::as_str), holder.as_str(), fence.0))?;
    Ok(Some(AccountLease { fence, cursor }))
}

/// Stores the cursor, if there is one, and refuses whoever does not hold the lease.
pub(crate) fn advance(tx: &Tx<'_>, account: &AccountId, holder: &IncarnationId, cursor: Option<&Cursor>) -> Res<()> {
    const SQL: &str = "UPDATE account SET cursor = ?3 WHERE account = ?1 AND holder = ?2";
    const HELD: &str = "SELECT 1 FROM account WHERE account = ?1 AND holder = ?2";
    let (account, holder) = (account.as_str(), holder.as_str());
    let is_held = match cursor {
        Some(cursor) => run(tx.conn(), SQL, (account, holder, cursor.as_str()))? > 0,
        None => one(tx.conn(), HELD, (account, holder), |_| Ok(()))?.is_some(),
    };
    let refuse = || Failure::Refused(format!("{holder} does not hold the lease of account {account}"));
    is_held.then_some(()).ok_or_else(refuse)
}

/// Frees every lease of an incarnation that is gone.
pub(crate) fn free_all_of(tx: &Tx<'_>, incarnation: &IncarnationId) -> Res<()> {
    const HELD: &str = "SELECT account, fence FROM account WHERE holder = ?1";
    const FREE: &str = "UPDATE account SET holder = NULL, fence = ?3 WHERE account = ?1 AND holder = ?2";
    let read = |row: &mut crate::sqlite::row::Columns<'_>| Ok((row.get::<String>()?, LeaseFence(row.get()?)));
    for (account, fence) in all(tx.conn(), HELD, [incarnation.as_str()], read)? {
        let held = Lease::Held { holder: incarnation.clone(), fence };
        if let Lease::Free { fence } = after(held, LeaseHappened::Ended { of: incarnation.clone() })? {
            change_one(tx.conn(), FREE, (account, incarnation.as_str(), fence.0))?;
        }
    }
    Ok(())
}

/// Remembers that the network took something from this account.
pub(crate) fn delivered(tx: &Tx<'_>, account: &str) -> Res<()> {
    run(tx.conn(), "UPDATE account SET delivered_at = ?2 WHERE account = ?1", (account, tx.now().0))?;
    Ok(())
}

/// Holds back everything that this account sends.
pub(crate) fn pause(tx: &Tx<'_>, account: &str, since: Timestamp, until: Timestamp) -> Res<()> {
    const SQL: &str = "UPDATE account SET paused_at = ?2,
             paused_until = CASE WHEN paused_at > ?4 THEN ?3 ELSE max(paused_until, ?3) END
         WHERE account = ?1";
    run(tx.conn(), SQL, (account, since.0, until.0, tx.now().0))?;
    Ok(())
}

fn find(tx: &Tx<'_>, account: &AccountId) -> Res<Option<Row>> {
    const SQL: &str = "SELECT identity, cursor, holder, fence FROM account WHERE account = ?1";
    one(tx.conn(), SQL, [account.as_str()], |row| {
        let (identity, cursor) = (row.get()?, row.opt_name(Cursor::new)?);
        let (holder, fence) = (row.opt_name(IncarnationId::new)?, LeaseFence(row.get()?));
        let lease = match holder {
            Some(holder) => Lease::Held { holder, fence },
            None => Lease::Free { fence },
        };
        Ok(Row { identity, cursor, lease })
    })
}

fn after(lease: Lease, happened: LeaseHappened) -> Res<Lease> {
    lease.after(happened).ok_or_else(|| Failure::Damaged("a lease that nobody holds can't end".into()))
}
