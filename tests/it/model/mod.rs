//! The protocol, model-checked: every interleaving of a small world, and the same stories retold by the real store.
//!
//! # The actors
//!
//! People write messages to one place. The **network** offers each until it is told that it may forget it; it also
//! carries our requests, applies, refuses or loses them, and keeps the ledger of what the people see. **Bridges**
//! accept messages, claim deliveries, send, and show progress in the placeholder. **Workers** claim turns, run agents
//! and elect. A **sweep** ends what is past a deadline. There is one bridge and one worker at a time; when one is
//! decided as lost, a successor starts, and a lost one that was only frozen goes on beside it with whatever it had in
//! hand.
//!
//! # What is core's and what is the model's
//!
//! A state is made of core's `TurnState`, `Election`, `Attempt`, `DeliveryState`, `DeliveryKind`, `Via`, `Form` and
//! `Lease`, and they change by core's `after(…)` only. What a bridge does with a claim is decided by core's `step`, and
//! what it records by core's `settle`, `settle_find` and `settle_wait`, on a `DeliveryClaim` made of the model's row. So
//! the model can't say something else than these.
//!
//! What a transaction of the store does is written a second time (`store.rs`), and `replay` holds it against the real
//! one: random walks, every short beginning, and every counterexample are driven through `SqliteStore` and core on a
//! clock that a hand moves. After each step turns, markers, counts, claims, the lease and the ledger must be the same,
//! and every write that would come late is tried and must be refused.
//!
//! # What is abstracted
//!
//! * **Time**: a doubt is young or old, a delivery is due now or after a request's lifetime, and that lifetime passes
//!   only when no request is on its way. Pauses end by themselves. A deadline may pass at any moment.
//! * **Freezing** is doing the next thing late, which any process may. What is told apart is being decided as lost
//!   meanwhile (`freezes`), and whether a frozen process may hold a request back for longer than requests live.
//! * **A store that is out** is the same: whoever wants to write does so late. A commit whose answer is lost is an
//!   action of its own (`is_heard: false`); who did not hear asks again.
//! * **What goes wrong** is a budget per variant (`Faults`); everything else may happen whenever it can.
//! * Left out: commands, collecting, several places, the journal, schedules, pauses of accounts, and the fallback after
//!   the eighth attempt. They are the store contract's, the simulation's and the chaos tests'.
//!
//! # What must hold
//!
//! In every state: no message has two last words; no word counts that speaks for an attempt which is not current; last
//! words stand in the order of turns and parts; a marker stands exactly as long as its turn owes. And when all is
//! **quiet**, that is, nothing can happen any more unless something goes wrong, every message has exactly one last word.
//! This is an `always` over states without steps: `eventually` would miss stories that come back to a state.
//!
//! # What was found
//!
//! Each of these holds, in all of its states:
//!
//! | variant (`holds.rs`) | may go wrong, once each unless it says otherwise | states |
//! |---|---|---:|
//! | placeholder and terminal edit, no progress | crash, takeover, loss | 342,145 |
//! | posts under a key that the network remembers | crash, takeover, loss, unheard commit | 76,085 |
//! | everybody who may speak for a turn | crash, takeover, unheard commit, unheard claim, deadline, failure, progress | 334,493 |
//! | turns that run again when their worker is lost | crash, takeover, deadline, progress | 44,579 |
//! | posts that are looked up | two crashes, two losses, unheard commit | 60,744 |
//! | progress edits, asserted again | two crashes, loss; two signs of progress | 279,342 |
//! | progress edits, freezes shorter than a request's lifetime | takeover, loss; two signs of progress | 45,805 |
//! | two messages, the first answer in two parts | crash, loss, unheard commit | 86,069 |
//! | two messages with placeholders | crash, loss | 174,398 |
//! | refused, and deleted before it was edited | refused for now, refused content twice, deleted | 1,091 |
//! | a network that helps with nothing, policy `hold` | crash, takeover, loss; may be given up visibly | 10,460 |
//!
//! Each of these breaks, and the checker's shortest story is printed (`fails.rs`). The first twelve are planted, six of
//! them (`lastword_core::faults::Bug`) also in the shipping code, and those of core's decisions in core itself; the
//! others are limits that the documents admit. The states are those seen before the story was found.
//!
//! | variant | what breaks | states |
//! |---|---|---:|
//! | ack before the commit | lost message | 85 |
//! | no inbox, and a commit that is not heard of | answered twice | 101 |
//! | election in two transactions | lost reply | 191 |
//! | no attempt fence | a lost attempt's answer counts | 241 |
//! | no lanes | parts out of order | 1,789 |
//! | blind retry, where posts could be looked up | posted twice | 57 |
//! | a doubtful post is never retried | lost reply | 31 |
//! | looked up before the request's lifetime is over | posted twice | 79 |
//! | a stolen claim is sent as fresh | posted twice | 183 |
//! | B: a fresh terminal where no placeholder is recorded | posted twice | 681 |
//! | C: progress edits, unguarded | the last word is overwritten | 141 |
//! | D: the terminal waits for its own process's edits only | overwritten by a dead sender's edit | 1,961 |
//! | looked up, while the first sender is frozen for longer than a request lives | posted twice | 339 |
//! | progress edit, frozen for longer than a request lives | the last word is overwritten | 3,437 |
//! | a network that helps with nothing, policy `resend` | posted twice | 57 |
//! | the placeholder is deleted, and the answer to the post after it is lost | posted twice | 737 |
//! | the answer to the claim of a delivery is lost | held by a bridge that does not know, until it ends | 19 |
//!
//! `LASTWORD_MODEL_DEPTH=1` lets crashes, takeovers, losses and signs of progress happen once more often and retells
//! more; `LASTWORD_MODEL_SEED` begins the walks at another seed. `--no-capture` shows states, times and stories.

mod action;
mod bridge;
mod check;
mod deliver;
mod fails;
mod happens;
mod holds;
mod network;
mod properties;
mod protocol;
mod replay;
mod spell;
mod state;
mod store;
mod variant;
mod worker;
