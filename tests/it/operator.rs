//! What the operator sees and does: check, schema, health, stop, a second start.

use std::process::Stdio;

use crate::world::{Settings, Who, World, text};

#[tokio::test]
async fn readiness_comes_from_evidence_and_says_what_is_missing() {
    let world = World::start().await;
    let page: serde_json::Value = reqwest::get(world.url("/readyz")).await.unwrap().json().await.unwrap();
    assert_eq!(page["ready"], true);
    assert!(page["store"]["last_commit_age_ms"].is_u64());
    assert!(page["worker"]["workers"][0]["last_heartbeat_age_ms"].is_u64());
    assert!(page["accounts"]["net"]["last_received_age_ms"].is_u64());
    world.network().set(lastword_tests::ledger::Settings { is_out: true, ..Default::default() }).await;
    let page = world
        .until("the account is not ready", async |world| {
            let page = reqwest::get(world.url("/readyz")).await.ok()?;
            let status = page.status().as_u16();
            let page: serde_json::Value = page.json().await.ok()?;
            (status == 503).then_some(page)
        })
        .await;
    assert_eq!(page["accounts"]["net"]["ready"], false);
    assert!(page["accounts"]["net"]["trouble"].is_string());
    assert_eq!(page["accounts"]["web"]["ready"], true);
}

#[tokio::test]
async fn a_second_deployment_on_the_same_store_is_refused() {
    let world = World::start().await;
    let second = world.lastword(&["run"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = text(&second.stderr);
    assert!(said.contains("another Lastword") && said.contains("lastword.db"), "{said}");
    let asked = world.alice_says("go #t1").await;
    assert_eq!(world.last_word(&asked).await, "done #t1");
}

#[tokio::test]
async fn an_address_that_another_program_has_is_said_by_a_code_of_its_own() {
    let mut world = World::prepare(Settings::default()).await;
    let _taken = world.take_port().await;
    world.start_supervisor();
    assert_eq!(world.ended().await, Some(71));
    assert!(world.log().contains("is another program there"), "{}", world.log());
}

#[tokio::test]
async fn stop_lets_a_running_turn_finish_and_delivers_it() {
    let mut world = World::start().await;
    let asked = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    world.terminate(Who::Supervisor).await;
    world.until("the worker drains", async |world| world.log().contains("lets its turns finish").then_some(())).await;
    world.open_gate();
    assert_eq!(world.ended().await, Some(0));
    assert_eq!(world.last_word(&asked).await, "done #t1");
    assert!(world.log().contains("nothing is owed"), "{}", world.log());
}

#[tokio::test]
async fn stop_ends_what_does_not_finish_in_time_and_says_so() {
    let mut world = World::start_with(Settings { top: "shutdown_grace: 500ms".into(), ..Settings::default() }).await;
    let asked = world.alice_says("gate #t1").await;
    let waiting = world.alice_says("go #t2").await;
    world.begun("#t1").await;
    assert_eq!(world.stop().await, Some(0));
    assert!(world.last_word(&asked).await.starts_with("Error: the bridge was stopped"));
    world.start_supervisor();
    assert_eq!(world.last_word(&waiting).await, "done #t2");
}

#[tokio::test]
async fn check_names_every_problem_with_its_line_and_cure() {
    let world = World::prepare(Settings::default()).await;
    let file = world.file("broken.yaml");
    std::fs::write(&file, "agnts: {}\nroutes:\n- { agent: dmo }\n").unwrap();
    let check = world.lastword(&["check"]).arg("--config").arg(&file).output();
    let check = check.unwrap();
    assert_eq!(check.status.code(), Some(78));
    let said = text(&check.stderr);
    assert!(said.contains("broken.yaml:1:1") && said.contains("did you mean `agents`"), "{said}");
}

#[tokio::test]
async fn the_schema_and_the_version_are_printed() {
    let world = World::prepare(Settings::default()).await;
    let schema = world.lastword(&["schema"]).output().unwrap();
    let schema: serde_json::Value = serde_json::from_slice(&schema.stdout).unwrap();
    assert!(schema["properties"]["accounts"].is_object());
    let version = world.lastword(&["--version"]).output().unwrap();
    assert!(text(&version.stdout).starts_with("lastword 0.1.0 ("));
    let check = world.lastword(&["check"]).output().unwrap();
    assert!(check.status.success(), "{}", text(&check.stderr));
}

#[tokio::test]
async fn a_network_that_freezes_is_not_called_healthy() {
    let world = World::start().await;
    let asked = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    world.network().freeze(true);
    world
        .until("readiness says so", async |world| {
            let page = reqwest::get(world.url("/readyz")).await.ok()?;
            (page.status().as_u16() == 503).then_some(())
        })
        .await;
    world.network().freeze(false);
    world.open_gate();
    assert_eq!(world.last_word(&asked).await, "done #t1");
    world.until("it is ready again", async |world| world.is_ready().await.then_some(())).await;
}

#[tokio::test]
async fn the_benches_measure() {
    let world = World::prepare(Settings::default()).await;
    let on = world.file("bench");
    std::fs::create_dir(&on).unwrap();
    for what in ["store", "path"] {
        let args = ["bench", what, "--turns", "160", "--places", "8", "--on"];
        let bench = world.lastword(&args).arg(&on).output().unwrap();
        assert!(bench.status.success(), "{what}: {}", text(&bench.stderr));
        assert!(text(&bench.stdout).contains("turns/s"), "{}", text(&bench.stdout));
    }
    let bench =
        world.lastword(&["bench", "faults", "--rounds", "2", "--markers", "200", "--on"]).arg(&on).output().unwrap();
    assert!(bench.status.success(), "{}", text(&bench.stderr));
    for row in ["start to ready", "agent killed", "worker killed", "bridge killed", "first decided", "all decided"] {
        assert!(text(&bench.stdout).contains(row), "{row} is missing:\n{}", text(&bench.stdout));
    }
    assert_eq!(std::fs::read_dir(&on).unwrap().count(), 0, "a bench leaves nothing behind");
}
