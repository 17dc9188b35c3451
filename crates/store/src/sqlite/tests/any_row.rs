//! Whatever stands in a cell: it is read, or it is an error that says so; nothing panics, and who has nothing to do with
//! it is still answered.

use std::{fs, sync::OnceLock};

use lastword_core::{
    alert::{Alert, AlertCode},
    contract::store::{ACCOUNT, WORKER, answer, asked, batch, delivered, patient_turn, place, turn},
    ids::{AccountId, IncarnationId, Timestamp, TurnId, UpdateId, UserId},
    reason::Reason,
    store::{
        HintRule, Intake, Operation, Oversight, PlaceCommand, Replays, Restart, Retention, Settlement, Store, TraceOf,
    },
};
use proptest::prelude::*;

use super::*;

/// A store in which something of everything is, as one file.
fn template() -> &'static [u8] {
    static TEMPLATE: OnceLock<Vec<u8>> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = folder();
            let world = world(folder.path(), SqliteOptions::inline).await;
            world.asks("done", "1").await;
            world.answers(&world.claims().await[0], "one").await;
            world.delivers_all().await;
            world.asks("failed", "2").await;
            let claims = world.claims().await;
            world.elects(lastword_core::contract::store::error(&claims[0], Reason::Idle { after_ms: 5 })).await;
            let due = world.due().await;
            world
                .settles(
                    &due[0],
                    Settlement::Doubted {
                        pause: lastword_core::store::Pause {
                            until: due[0].now,
                            scope: lastword_core::outcome::RetryScope::Message,
                        },
                        cause: "lost".into(),
                    },
                )
                .await;
            world.asks("running", "3").await;
            let claims = world.claims().await;
            let _ = world.store.progress(claims[0].fence, Some("work".into())).await.unwrap();
            world.starts(claims).await;
            for text in ["4", "5"] {
                world.takes(text, Intake::Turn(patient_turn("waiting", text))).await;
            }
            let hint = HintRule { text: "your id".into(), every_ms: 1 };
            world.takes("6", Intake::Refuse { asked: asked("refused", "6"), reason: Reason::NotAllowed, hint }).await;
            world.takes("7", Intake::Drop(Reason::FromBot)).await;
            world.commands("asked", "8", PlaceCommand::Operate(Operation::Restart(Restart::All))).await;
            let alert = Alert { code: AlertCode::DiskFull, subject: "store".into(), detail: "full".into() };
            world.store.raise(&alert).await.unwrap();
            let to = folder.path().join("template");
            SqliteStore::backup(&folder.path().join("lastword.db"), &to).unwrap();
            fs::read(to).unwrap()
        })
    })
}

/// A damaged cell: which of all columns, in which row, and what stands there instead, as an expression.
#[derive(Clone, Debug)]
struct Spoil {
    column: prop::sample::Index,
    row: usize,
    value: String,
}

fn spoils() -> impl Strategy<Value = Spoil> {
    let numbers = prop::sample::select(vec![i64::MIN, -1, 0, 1, 2, 1 << 31, 1 << 32, 1 << 53, i64::MAX - 1, i64::MAX]);
    let value = prop_oneof![
        2 => numbers.prop_map(|number| format!("CAST({number} AS INTEGER)").replace("CAST(-9223372036854775808 AS INTEGER)", "(-9223372036854775807 - 1)")),
        1 => prop::sample::select(vec![
            "NULL", "''", "CAST(x'ff' AS TEXT)", "CAST(x'00' AS TEXT)", "'{'", "'{}'", "'[]'", "'null'",
            "'{\"code\":\"of_a_newer_build\"}'", "'running'", "'post'", "'queued'", "'terminal'", "'no such word'",
            "'{\"via\":\"post\",\"text_max\":{\"max\":0,\"unit\":\"bytes\"},\"has_placeholder\":true}'",
            "printf('%.*c', 100000, 'x')",
        ]).prop_map(str::to_owned),
    ];
    (any::<prop::sample::Index>(), 0_usize..6, value).prop_map(|(column, row, value)| Spoil { column, row, value })
}

/// Damages the store; the table and the column, where the engine let it happen.
fn spoil(folder: &Path, spoil: &Spoil) -> Option<(String, String)> {
    let conn = beside(folder);
    conn.execute_batch("PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF").unwrap();
    let sql = "SELECT t.name, c.name, t.wr FROM pragma_table_list t JOIN pragma_table_info(t.name) c
         WHERE t.type = 'table' AND t.schema = 'main' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE 'refinery%'";
    let columns: Vec<(String, String, bool)> = conn
        .prepare(sql)
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let (table, column, is_without_rowid) = spoil.column.get(&columns);
    let only = if *is_without_rowid {
        String::new()
    } else {
        format!(
            "WHERE rowid = (SELECT rowid FROM {table} ORDER BY rowid LIMIT 1 OFFSET {} % max(1, (SELECT count(*) FROM {table})))",
            spoil.row
        )
    };
    let changed = conn.execute(&format!("UPDATE {table} SET \"{column}\" = {} {only}", spoil.value), []);
    changed.is_ok_and(|changed| changed > 0).then(|| (table.clone(), column.clone()))
}

/// Asks for everything that anybody asks for. That it comes back is the test: each answer may be an error.
async fn everything(store: &SqliteStore) {
    let (bridge, worker, other) =
        (IncarnationId::new(BRIDGE), IncarnationId::new(WORKER), IncarnationId::new("worker-2"));
    let (account, alice) = (AccountId::new(ACCOUNT), UserId::new("alice"));
    let _ = store.counts().await;
    let _ = store.measures().await;
    let _ = store.audit().await;
    let _ = store.alerts(true, 100).await;
    let _ = store.owed().await;
    let _ = store.requests().await;
    let _ = store.outbox(&account, 10).await;
    let _ = store.living().await;
    let _ = store.lease(&account, "@bot", &bridge).await;
    for worker in [&worker, &other] {
        let _ = store.running(worker).await;
        let _ = store.groups(worker).await;
        let _ = store.beat(worker).await;
    }
    for turn in (0..9).map(TurnId) {
        let _ = store.turn(turn).await;
        let _ = store.stream(turn, None).await;
        let _ = store.trace(&TraceOf::Turn(turn)).await;
        let _ = store.trace(&TraceOf::Update(account.clone(), UpdateId::new(turn.to_string()))).await;
    }
    for name in ["done", "failed", "running", "waiting"] {
        let _ = store.history(&place(name), None, 50).await;
        let _ = store.ingest(batch(&format!("{name} again"), Intake::Turn(turn(name, "again")))).await;
    }
    if let Ok(claims) = store.claim(&other, 100).await {
        for claim in claims {
            let _ = store.elect(answer(&claim, "done")).await;
        }
    }
    let _ = store.decide_lost(&worker, Replays::Allow, 100).await;
    if let Ok(due) = store.claim_deliveries(&bridge, 100).await {
        for claim in due {
            let _ = store.settle(&bridge, claim.id, claim.attempt, delivered("m")).await;
        }
    }
    let _ = store.sessions_of(&account, &alice).await;
    let _ = store.idle_sessions(Timestamp(i64::MAX)).await;
    let at_once = Retention { messages_ms: Some(0), turns_ms: Some(0), alerts_ms: Some(0) };
    let _ = store.prune(&at_once, 100).await;
    let _ = store.forget(&account, &alice, 100).await;
    let _ = store.audit().await;
    let _ = store.measures().await;
}

/// A stranger to the damage asks something new; whether they are answered.
async fn somebody_else_is_answered(store: &SqliteStore) -> Result<(), String> {
    let said = |error: lastword_core::store::StoreError| error.to_string();
    let worker = IncarnationId::new("worker-2");
    let taken = store.ingest(batch("new", Intake::Turn(turn("plain elsewhere", "new")))).await.map_err(said)?;
    let claims = store.claim(&worker, 100).await.map_err(said)?;
    let claim = claims.iter().find(|claim| Some(claim.fence.turn) == taken[0].turn).ok_or("it was not claimed")?;
    let elected = store.elect(answer(claim, "the answer")).await.map_err(said)?;
    if elected != lastword_core::store::Elected::Won {
        return Err("its answer lost".into());
    }
    let due = store.claim_deliveries(&IncarnationId::new(BRIDGE), 100).await.map_err(said)?;
    let is_due = due.iter().any(|claim| claim.text == "the answer");
    if is_due { Ok(()) } else { Err("its answer is not due".into()) }
}

/// What everybody needs, so that damage to it is everybody's: the deployment's own row, its counters, its leases, and
/// what numbers new rows.
fn is_shared(table: &str, column: &str) -> bool {
    matches!(table, "deployment" | "tally" | "account" | "incarnation") || matches!(column, "id" | "key")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 8))]

    #[test]
    fn no_cell_makes_anything_panic_and_a_stranger_to_it_is_answered(spoiled in spoils()) {
        let folder = folder();
        fs::write(folder.path().join("lastword.db"), template()).unwrap();
        let Some((table, column)) = spoil(folder.path(), &spoiled) else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answered = runtime.block_on(async {
            let store = match SqliteStore::open(options(folder.path(), HandClock::at(2_000_000)).inline()) {
                Ok(store) => store,
                Err(error) => return Err(format!("does not open: {error}")),
            };
            let answered = somebody_else_is_answered(&store).await;
            everything(&store).await;
            answered
        });
        if !is_shared(&table, &column) {
            prop_assert!(answered.is_ok(), "{}.{} = {}: {:?}", table, column, spoiled.value, answered);
        }
    }
}

#[test]
fn a_row_that_breaks_a_rule_keeps_nobody_else_waiting() {
    let folder = folder();
    fs::write(folder.path().join("lastword.db"), template()).unwrap();
    let conn = beside(folder.path());
    conn.execute_batch("PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF").unwrap();
    conn.execute("UPDATE turn SET merged_into = 1 WHERE state = 'queued'", []).unwrap();
    conn.execute("UPDATE delivery SET ended_at = 1 WHERE state IN ('pending', 'ambiguous')", []).unwrap();
    drop(conn);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(options(folder.path(), HandClock::at(2_000_000)).inline()).unwrap();
        somebody_else_is_answered(&store).await.unwrap();
        let alerts = store.alerts(false, 10).await.unwrap();
        assert!(alerts.iter().any(|view| view.alert.code == AlertCode::RowDamaged), "the operator is told");
    });
}

#[test]
fn counters_at_the_end_of_their_range_are_miscounted_and_no_panic() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for value in [i64::MAX, i64::MIN + 1] {
        let folder = folder();
        fs::write(folder.path().join("lastword.db"), template()).unwrap();
        beside(folder.path()).execute("UPDATE tally SET n = ?1", [value]).unwrap();
        runtime.block_on(async {
            let store = SqliteStore::open(options(folder.path(), HandClock::at(2_000_000)).inline()).unwrap();
            let audit = store.audit().await.unwrap();
            assert!(!audit.violations.is_empty());
            everything(&store).await;
        });
    }
}
