//! The process dies at every named point of a turn; everybody still gets exactly one last word, in order.

use lastword_core::faults::Point;
use lastword_tests::oracle::Findings;

use crate::world::{Network, Settings, World, dying_at};

/// How many more messages may be said until a point is passed.
const ROUNDS_MAX: usize = 20;

/// Three messages in two places, while one process dies at `point` for the `nth` passing of it.
async fn dies_at(point: Point, nth: u32, network: Network) {
    breaks_at(point, nth, network, "abort").await;
}

/// The same with a panic, which the process may survive.
async fn panics_at(point: Point, network: Network) {
    breaks_at(point, 1, network, "panic").await;
}

async fn breaks_at(point: Point, nth: u32, network: Network, how: &str) {
    let situation = format!("{how} at {} ({nth}) on {network:?}", point.as_str());
    let directory = tempfile::tempdir().unwrap();
    let once = directory.path().join("once");
    let world =
        World::start_with(Settings { network, env: dying_at(point.as_str(), nth, how, &once), ..Settings::default() })
            .await;
    world.alice_says("go #t1").await;
    world.alice_says("go #t2").await;
    world.says("bob", "other", "go #t3").await;
    // How many messages share a batch is up to the moment, so more are said until the point was passed often enough.
    for n in 0..ROUNDS_MAX {
        let more = world.says("bob", "other", &format!("go #m{n}")).await;
        world
            .until("it died or answered", async |world| {
                (!once.exists() || world.has_last_word(&more).await).then_some(())
            })
            .await;
        if !once.exists() {
            break;
        }
    }
    assert!(!once.exists(), "no process died of {situation}");
    world.alice_says("go #t4").await;
    assert_eq!(world.judge().await, Findings::default(), "{situation}");
}

macro_rules! every_point {
    ($($name:ident: $point:ident),+ $(,)?) => {
        /// Every point has its test.
        const DRIVEN: &[Point] = &[$(Point::$point),+];

        $(
            mod $name {
                use super::*;

                #[tokio::test]
                async fn on_a_network_where_only_edits_repeat() {
                    dies_at(Point::$point, 1, Network::EditOnly).await;
                }

                #[tokio::test]
                async fn on_a_network_that_knows_our_key() {
                    dies_at(Point::$point, 2, Network::Native).await;
                }

                #[tokio::test]
                async fn by_a_panic() {
                    panics_at(Point::$point, Network::EditOnly).await;
                }

                #[tokio::test]
                async fn on_a_network_where_posts_are_found() {
                    dies_at(Point::$point, 1, Network::Findable).await;
                }
            }
        )+
    };
}

every_point! {
    before_the_commit_of_a_message: IngestBeforeCommit,
    between_commit_and_ack: IngestBeforeAck,
    after_the_ack: IngestAfterAck,
    with_a_turn_claimed: RunAfterClaim,
    with_an_agent_not_recorded: RunBeforeGroup,
    with_an_agent_recorded: RunAfterGroup,
    with_an_answer_in_hand: ElectBefore,
    with_the_election_committed: ElectAfter,
    with_a_delivery_claimed: DeliverAfterClaim,
    with_an_outcome_in_hand: DeliverBeforeSettle,
    with_the_outcome_recorded: DeliverAfterSettle,
    in_the_middle_of_a_commit: StoreInCommit,
}

#[test]
fn every_crash_point_is_driven() {
    assert_eq!([DRIVEN, crate::outage::DRIVEN, crate::impatient::DRIVEN].concat(), Point::ALL);
}
