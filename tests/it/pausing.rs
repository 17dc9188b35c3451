//! A pause: admins keep everything from beginning, for as long as they like, and nothing is lost by it.

use crate::world::{Settings, World};

impl World {
    /// Alice, an admin, says something that holds no token; returns what she is answered.
    async fn alice_is_answered(&self, command: &str) -> String {
        let said = self.alice_says(command).await;
        self.reply(&said).await
    }

    async fn is_paused_alert(&self) -> bool {
        let alerts = self.until("there is a page", async |world| Some(world.page().await?["alerts"].clone())).await;
        alerts.as_array().unwrap().iter().any(|alert| alert["code"] == "paused")
    }

    /// How long the oldest queued turn waits, in seconds, as monitors see it.
    async fn oldest_queued(&self) -> Option<f64> {
        let page = reqwest::get(self.url("/metrics")).await.ok()?.text().await.ok()?;
        let line = page.lines().find(|line| line.starts_with("lastword_oldest_queued_age_seconds"))?;
        line.rsplit_once(' ')?.1.parse().ok()
    }
}

#[tokio::test]
async fn what_people_write_during_a_pause_is_kept_and_answered_after_it() {
    let deadlines = "deadlines: { queue: 3s }".into();
    let mut world = World::start_with(Settings { top: deadlines, ..Settings::default() }).await;
    let running = world.alice_says("gate #t1").await;
    world.begun("#t1").await;
    let paused = world.alice_is_answered("/pause the disk is replaced").await;
    assert!(paused.starts_with("Paused: "), "{paused}");
    assert!(world.alice_is_answered("/pause").await.starts_with("This is paused already, for "));
    let kept = world.says("bob", "elsewhere", "go #t2").await;
    assert_eq!(world.reply(&kept).await, "Paused by an admin; your message is kept and will be answered.");
    let behind = world.alice_says("go #t3").await;
    world.open_gate();
    assert_eq!(world.last_word(&running).await, "done #t1");
    assert!(world.is_paused_alert().await);
    world
        .until("its deadline would be over", async |world| {
            world.oldest_queued().await.filter(|seconds| *seconds > 5.0).map(drop)
        })
        .await;
    world.kill_supervisor().await;
    world.start_supervisor();
    let status = world.alice_is_answered("/status").await;
    assert!(status.contains("\nPaused by an admin for ") && status.contains(": the disk is replaced\n"), "{status}");
    assert!(!world.has_last_word(&kept).await && !world.has_last_word(&behind).await);
    assert_eq!((world.runs_of("#t2"), world.runs_of("#t3")), (0, 0));
    assert_eq!(world.alice_is_answered("/resume").await, "Resumed: what was kept is answered now.");
    assert_eq!(world.last_word(&kept).await, "done #t2");
    assert_eq!(world.last_word(&behind).await, "done #t3");
    assert_eq!(world.alice_is_answered("/resume").await, "Nothing is paused.");
    assert!(!world.is_paused_alert().await);
    let findings = world.judge().await;
    assert!(findings.is_clean(), "{findings}");
}

#[tokio::test]
async fn a_resume_that_comes_in_while_everything_starts_is_honoured() {
    let mut world = World::start().await;
    world.alice_is_answered("/pause").await;
    let kept = world.alice_says("go #t1").await;
    world.reply(&kept).await;
    world.kill_supervisor().await;
    let resume = world.alice_says("/resume").await;
    world.start_supervisor();
    assert!(world.reply(&resume).await.starts_with("Resumed"));
    assert_eq!(world.last_word(&kept).await, "done #t1");
    assert!(!world.is_paused_alert().await);
}

#[tokio::test]
async fn only_admins_pause_and_resume() {
    let world = World::start().await;
    for command in ["/pause", "/resume"] {
        let bobs = world.says("bob", "main", command).await;
        assert_eq!(world.reply(&bobs).await, format!("Error: {command} is for admins."));
        world.says("mallory", "main", command).await;
    }
    let asked = world.says("bob", "main", "go #t1").await;
    assert_eq!(world.last_word(&asked).await, "done #t1");
    assert!(!world.is_paused_alert().await);
    world.alice_is_answered("/pause").await;
    let kept = world.says("bob", "main", "go #t2").await;
    world.reply(&kept).await;
    let refused = world.says("bob", "main", "/resume").await;
    assert_eq!(world.reply(&refused).await, "Error: /resume is for admins.");
    assert_eq!(world.runs_of("#t2"), 0);
    world.alice_is_answered("/resume").await;
    assert_eq!(world.last_word(&kept).await, "done #t2");
}
