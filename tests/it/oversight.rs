//! What operators and admins see of messages, and what goes when its time is over.

use std::{collections::BTreeMap, process::Output};

use crate::world::{ChatKind, Matrix, Network, Settings, Who, World, text};

/// A tool that must end well; returns what it printed.
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

impl World {
    fn tool(&self, args: &[&str]) -> Output {
        self.lastword(args).output().unwrap()
    }

    async fn readyz(&self) -> serde_json::Value {
        reqwest::get(self.url("/readyz")).await.unwrap().json().await.unwrap()
    }

    /// Every figure of `/metrics`, by name and labels.
    async fn metrics(&self) -> BTreeMap<String, f64> {
        let page = reqwest::get(self.url("/metrics")).await.unwrap();
        assert_eq!(page.headers()["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
        let page = page.text().await.unwrap();
        assert!(page.ends_with("# EOF\n"), "{page}");
        let figures = page.lines().filter(|line| !line.starts_with('#'));
        figures.map(|line| line.rsplit_once(' ').unwrap()).map(|(name, n)| (name.into(), n.parse().unwrap())).collect()
    }

    /// Waits until nothing is owed or on its way, then examines the whole store.
    async fn is_sound(&self) {
        self.judge().await;
        let audit = self.tool(&["audit"]);
        assert!(done(&audit).contains("nothing is lost, nothing is doubled"), "{}", text(&audit.stdout));
    }
}

#[tokio::test]
async fn a_message_is_traced_from_its_arrival_to_its_delivery() {
    let world = World::start().await;
    let asked = world.alice_says("go #t1").await;
    world.last_word(&asked).await;
    let told = world
        .until("it is delivered", async |world| {
            let told = done(&world.tool(&["trace", "1"]));
            told.contains("delivery.delivered").then_some(told)
        })
        .await;
    for what in ["Turn 1 on account net: done, attempt 1", "asked by alice, agent sh", "accepted", "claimed", "elected"]
    {
        assert!(told.contains(what), "{what} is missing:\n{told}");
    }
    assert!(!told.contains("go #t1") && !told.contains("done #t1"), "{told}");
    let json: serde_json::Value = serde_json::from_str(&done(&world.tool(&["trace", "1", "--json"]))).unwrap();
    let update = json["update"].as_str().unwrap();
    assert_eq!(done(&world.tool(&["trace", &format!("net/{update}")])), done(&world.tool(&["trace", "1"])));
    let unknown = world.tool(&["trace", "99"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("knows nothing of it"), "{}", text(&unknown.stderr));
    world.is_sound().await;
}

#[tokio::test]
async fn admins_look_from_the_chat_and_nobody_else_does() {
    let world = World::start().await;
    let asked = world.alice_says("go #t1").await;
    world.last_word(&asked).await;
    let trace = world.alice_says("/trace 1").await;
    let trace = world.reply(&trace).await;
    assert!(trace.starts_with("Turn 1 on account net: done") && !trace.contains("#t1"), "{trace}");
    let audit = world.alice_says("/audit").await;
    let audit = world.reply(&audit).await;
    assert!(audit.starts_with("accepted ") && audit.contains("nothing is lost"), "{audit}");
    let alerts = world.alice_says("/alerts").await;
    assert_eq!(world.reply(&alerts).await, "No alerts.");
    let accounts = world.alice_says("/accounts").await;
    let accounts = world.reply(&accounts).await;
    let net = accounts.lines().next().unwrap();
    assert!(net.starts_with("Account `net`: ready; heard ") && net.ends_with(" ago."), "{accounts}");
    let version = world.says("bob", "main", "/version").await;
    let version = world.reply(&version).await;
    assert!(version.contains(", up for ") && version.contains("\nworker: "), "{version}");
    let wrong = world.alice_says("/trace it").await;
    assert_eq!(world.reply(&wrong).await, "Error: please write it like this: /trace <turn>");
    let missing = world.alice_says("/trace 99").await;
    assert_eq!(world.reply(&missing).await, "Error: there is no turn 99 here.");
    for command in ["/trace 1", "/audit", "/alerts", "/accounts"] {
        let refused = world.says("bob", "main", command).await;
        let refused = world.reply(&refused).await;
        assert!(refused.starts_with("Error: /") && refused.ends_with(" is for admins."), "{refused}");
    }
    let help = world.says("bob", "main", "/help").await;
    assert!(!world.reply(&help).await.contains("/audit"));
}

#[tokio::test]
async fn metrics_count_what_was_done() {
    let world = World::start().await;
    for (prompt, token) in [("go", "#t1"), ("go", "#t2"), ("fail", "#t3")] {
        let asked = world.alice_says(&format!("{prompt} {token}")).await;
        world.reply(&asked).await;
    }
    world.says("mallory", "main", "let me in").await;
    world.alice_says("gate #t4").await;
    world.begun("#t4").await;
    world
        .until("the stranger is refused", async |world| {
            (world.metrics().await.get("lastword_updates_dropped_total{reason=\"not_allowed\"}") == Some(&1.0))
                .then_some(())
        })
        .await;
    let (figures, page) = (world.metrics().await, world.readyz().await);
    let turns = &page["store"]["turns"];
    for (name, n) in [
        ("lastword_turns_accepted_total", &turns["accepted"]),
        ("lastword_turns_ended_total{how=\"replied\"}", &turns["replied"]),
        ("lastword_turns_ended_total{how=\"errored\"}", &turns["errored"]),
        ("lastword_turns_pending{state=\"running\"}", &turns["running"]),
        ("lastword_updates_dropped_total{reason=\"not_allowed\"}", &page["store"]["dropped"]["not_allowed"]),
    ] {
        assert_eq!(Some(&figures[name]), n.as_f64().as_ref(), "{name}");
    }
    for (name, n) in [
        ("lastword_turns_accepted_total", 4.0),
        ("lastword_turns_ended_total{how=\"replied\"}", 2.0),
        ("lastword_errors_total{reason=\"agent_failed\"}", 1.0),
        ("lastword_turn_wait_seconds_count", 4.0),
        ("lastword_turn_run_seconds_count", 3.0),
        ("lastword_account_ready{account=\"net\"}", 1.0),
        ("lastword_store_up", 1.0),
        ("lastword_workers", 1.0),
    ] {
        assert_eq!(figures.get(name), Some(&n), "{name}: {figures:#?}");
    }
    assert!(figures.keys().any(|name| name.starts_with("lastword_build_info{build=")));
    world.open_gate();
}

#[tokio::test]
async fn a_post_that_may_show_twice_is_an_alert_until_somebody_resolves_it() {
    use lastword_tests::ledger::{Fault, On};
    let world = World::start_with(Settings { network: Network::Careless, ..Settings::default() }).await;
    world.network().will("main", On::Post, [Fault::CutAfter]).await;
    let asked = world.alice_says("go #t1").await;
    world.last_word(&asked).await;
    let listed = world
        .until("the alert is listed", async |world| {
            let listed = done(&world.tool(&["alerts"]));
            listed.contains("delivery_perhaps_twice: net").then_some(listed)
        })
        .await;
    assert!(listed.contains("unknown: hold"), "the cure is missing: {listed}");
    let open = world.readyz().await["alerts"].clone();
    assert_eq!(open[0]["code"], "delivery_perhaps_twice");
    assert!(world.is_ready().await, "an alert makes nobody unable");
    assert_eq!(world.metrics().await["lastword_alerts_open{code=\"delivery_perhaps_twice\"}"], 1.0);
    let id = open[0]["id"].to_string();
    done(&world.tool(&["alerts", "resolve", &id]));
    assert_eq!(done(&world.tool(&["alerts"])).trim(), "No alerts.");
    assert!(done(&world.tool(&["alerts", "--all", "--json"])).contains("resolved_at"));
    assert_eq!(world.tool(&["alerts", "resolve", &id]).status.code(), Some(1));
}

#[tokio::test]
async fn credentials_that_are_refused_are_an_alert_about_the_account() {
    use lastword_tests::ledger::{Fault, On};
    let world = World::start().await;
    world.network().will("main", On::Any, [Fault::Reject { code: "unauthorized".into() }]).await;
    world.alice_says("go #t1").await;
    world
        .until("the operator is told", async |world| {
            done(&world.tool(&["alerts"])).contains("account_not_sending: net").then_some(())
        })
        .await;
}

#[tokio::test]
async fn what_is_old_goes_what_is_owed_stays_and_the_books_still_balance() {
    let world = World::start_with(Settings {
        top: "retention: { messages: 1s, turns: 2s, files: 1s, alerts: 1s }".into(),
        env: vec![("LASTWORD_JANITOR_EVERY_MS", "200".into())],
        ..Settings::default()
    })
    .await;
    let owed = world.says("alice", "busy", "gate #t1").await;
    world.begun("#t1").await;
    let old = world.says("alice", "idle", "files #t2").await;
    world.last_word(&old).await;
    let report = world.file("state/places/2-1/outbox/report.txt");
    world.until("the old file is gone", async |_| (!report.exists()).then_some(())).await;
    world
        .until("the old turn is gone", async |world| {
            (world.tool(&["trace", "2"]).status.code() == Some(1)).then_some(())
        })
        .await;
    done(&world.tool(&["trace", "1"]));
    assert!(world.file("state/places/2-1").is_dir(), "the working directory itself stays");
    world.open_gate();
    assert_eq!(world.last_word(&owed).await, "done #t1");
    world.is_sound().await;
    assert_eq!(world.metrics().await["lastword_turns_accepted_total"], 2.0);
}

#[tokio::test]
async fn a_person_is_forgotten_with_their_files() {
    let world = World::start().await;
    for (who, conversation, token) in [("alice", "one", "#t1"), ("bob", "two", "#t2")] {
        let asked = world.says(who, conversation, &format!("files {token}")).await;
        world.last_word(&asked).await;
    }
    world.judge().await;
    let unsure = world.tool(&["forget", "--account", "net", "--user", "bob"]);
    assert_eq!(unsure.status.code(), Some(1));
    assert!(text(&unsure.stderr).contains("--yes"), "{}", text(&unsure.stderr));
    let running = world.says("bob", "two", "gate #t3").await;
    world.begun("#t3").await;
    let forget = ["forget", "--account", "net", "--user", "bob", "--yes"];
    let partly = world.tool(&forget);
    assert_eq!(partly.status.code(), Some(1));
    assert!(text(&partly.stdout).contains("turns 3"), "{}", text(&partly.stdout));
    world.open_gate();
    world.last_word(&running).await;
    world.judge().await;
    done(&world.tool(&forget));
    assert!(!world.file("state/places/2-1").exists());
    // As if they could not be removed then: a repeat finds them, though nobody is called bob any more.
    std::fs::create_dir_all(world.file("state/places/2-1/outbox")).unwrap();
    assert!(done(&world.tool(&forget)).contains("Removed 1 working"));
    let nobody = world.tool(&["forget", "--account", "net2", "--user", "bob", "--yes"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(text(&nobody.stderr).contains("nobody by the name bob"), "{}", text(&nobody.stderr));
    assert!(world.file("state/places/1-1/outbox/report.txt").exists());
    assert!(!world.file("state/places/2-1").exists());
    let database = std::fs::read(world.file("state/lastword.db")).unwrap();
    assert!(!database.windows(3).any(|bytes| bytes == b"bob"), "the name is still in the database's file");
    world.is_sound().await;
}

#[tokio::test]
async fn a_backup_is_restored_only_where_nothing_runs_and_its_debts_are_chosen() {
    let mut world = World::start().await;
    let asked = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let file = world.file("backup.db");
    let file = file.to_str().unwrap();
    assert!(done(&world.tool(&["backup", file])).contains("owes 1 answer"));
    assert!(text(&world.tool(&["backup", file]).stderr).contains("not overwritten"));
    let busy = world.tool(&["restore", file, "--owed", "keep"]);
    assert!(text(&busy.stderr).contains("another Lastword"), "{}", text(&busy.stderr));
    world.open_gate();
    assert_eq!(world.last_word(&asked).await, "done #t1");
    assert_eq!(world.stop().await, Some(0));
    let undecided = world.tool(&["restore", file]);
    assert_eq!(undecided.status.code(), Some(1));
    assert!(text(&undecided.stderr).contains("--owed drop"), "{}", text(&undecided.stderr));
    std::fs::create_dir_all(world.file("state/places/999-1")).unwrap();
    let restored = done(&world.tool(&["restore", file, "--owed", "drop"]));
    assert!(restored.contains("lastword.db.before-restore-1"), "{restored}");
    assert!(world.file("state/before-restore-1/places/999-1").exists(), "a place of the time after the backup");
    assert!(!world.file("state/places/999-1").exists());
    world.start_supervisor();
    world.until("it is ready", async |world| world.is_ready().await.then_some(())).await;
    let next = world.alice_says("go #t2").await;
    assert_eq!(world.last_word(&next).await, "done #t2");
    assert_eq!(world.runs_of("#t1"), 1, "what was dropped does not run again");
    assert!(done(&world.tool(&["alerts"])).contains("backup_restored"));
    done(&world.tool(&["audit"]));
}

#[tokio::test]
async fn a_look_makes_no_store_and_says_what_is_missing() {
    let world = World::prepare(Settings::default()).await;
    for args in [&["alerts"][..], &["trace", "1"], &["audit"]] {
        let look = world.tool(args);
        assert!(text(&look.stderr).contains("there is no store at"), "{}", text(&look.stderr));
        let code = if args == ["audit"] { 2 } else { 1 };
        assert_eq!(look.status.code(), Some(code), "{args:?}");
    }
    assert!(!world.file("state").exists());
}

#[tokio::test]
async fn a_turn_that_breaks_the_worker_s_own_task_is_an_alert() {
    let world = World::start_with(Settings {
        account: "progress: false".into(),
        env: vec![("LASTWORD_CRASH_AT", "elect.before".into()), ("LASTWORD_CRASH_HOW", "panic".into())],
        ..Settings::default()
    })
    .await;
    let asked = world.alice_says("go #t1").await;
    assert!(world.last_word(&asked).await.starts_with("Error: something broke"));
    world
        .until("the operator is told", async |world| {
            done(&world.tool(&["alerts"])).contains("turn_broken: sh").then_some(())
        })
        .await;
    world.pid(Who::Worker).await;
}

#[tokio::test]
async fn tools_leave_the_reserve_of_whatever_runs_alone() {
    use std::os::unix::fs::MetadataExt;
    let world = World::start_with(Settings { top: "store: { reserve: 1 MiB }".into(), ..Settings::default() }).await;
    let asked = world.alice_says("go #t1").await;
    world.last_word(&asked).await;
    let reserve = || {
        let found = std::fs::metadata(world.file("state/lastword.db.reserve")).expect("the reserve is there");
        (found.ino(), found.len())
    };
    let before = reserve();
    assert_eq!(before.1, 1 << 20);
    let backup = world.file("backup.db");
    for tool in [
        &["alerts"][..],
        &["alerts", "resolve", "7"],
        &["trace", "1"],
        &["audit"],
        &["forget", "--account", "net", "--user", "bob", "--yes"],
        &["backup", backup.to_str().unwrap()],
    ] {
        world.tool(tool);
        assert_eq!(reserve(), before, "{tool:?}");
    }
}

#[tokio::test]
async fn tools_whose_reader_has_gone_end_as_if_it_had_not() {
    let world = World::start().await;
    for tool in [&["audit"][..], &["alerts"], &["backup", world.file("backup.db").to_str().unwrap()]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = world.lastword(tool).stdout(writer).output().unwrap();
        assert!(ended.status.success(), "{tool:?}: {}", text(&ended.stderr));
    }
}

// --- alerts in a chat ------------------------------------------------------------------------------------------------

/// What the bot says in a conversation without being asked.
async fn told(world: &World, conversation: &str) -> Vec<String> {
    let (book, conversation) = (world.book().await, world.chat().id_of(conversation));
    let unasked = book.bot.into_iter().filter(|said| said.reply_to.is_none() && said.conversation == conversation);
    unasked.map(|said| said.text).collect()
}

async fn admins_are_told_on(network: Network) {
    let chats = vec![("main", ChatKind::Group), ("ops", ChatKind::Group)];
    let world = World::start_with(Settings { network, chats, alerts_to: Some("ops"), ..Settings::default() }).await;
    let asked = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    world.kill(Who::Worker).await;
    assert!(world.last_word(&asked).await.starts_with("Error: "));
    let text = world
        .until("admins are told", async |world| {
            told(world, "ops").await.into_iter().find(|text| text.contains("child_died, worker"))
        })
        .await;
    assert!(text.starts_with('⚠') && text.contains("killed by signal 9"), "{text}");
    assert!(told(&world, "main").await.is_empty());
    world.judge().await;
    assert_eq!(told(&world, "ops").await.len(), 1);
}

#[tokio::test]
async fn admins_are_told_of_alerts_where_the_operator_says() {
    admins_are_told_on(Network::EditOnly).await;
}

#[tokio::test]
async fn admins_are_told_of_alerts_on_telegram() {
    admins_are_told_on(Network::Telegram).await;
}

#[tokio::test]
async fn admins_are_told_of_alerts_on_matrix() {
    if Matrix::is_installed() {
        admins_are_told_on(Network::Matrix).await;
    }
}

/// Nobody is left who would start anything again, and that is what admins read.
#[tokio::test]
async fn the_last_gasp_tells_admins_why_there_is_one() {
    let top = "restart: { failures_max: 2, pause: 50ms, pause_max: 100ms }".to_owned();
    let mut world = World::start_with(Settings { top, alerts_to: Some("ops"), ..Settings::default() }).await;
    let supervisor = world.freeze(Who::Supervisor).await;
    world.kill(Who::Bridge).await;
    let port = world.take_port().await;
    supervisor.thaw();
    assert_eq!(world.ended().await, Some(70), "{}", world.log());
    let told = told(&world, "ops").await.join("\n");
    assert!(told.contains("breaker_open, bridge"), "{told}");
    drop(port);
}
