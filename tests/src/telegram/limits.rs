//! Flood control: how much a bot sent lately, and how long it must wait when that was too much.

use std::collections::{BTreeMap, VecDeque};

use super::settings::Limits;

/// What was sent lately, by bot and chat.
#[derive(Clone, Debug, Default)]
pub struct Limiter {
    chats: BTreeMap<(i64, i64), VecDeque<u64>>,
    bots: BTreeMap<i64, VecDeque<u64>>,
}

impl Limiter {
    /// Counts a message or an edit.
    ///
    /// # Errors
    /// The seconds to wait. What is refused is not counted.
    pub fn sent(&mut self, limits: Limits, bot: i64, chat: i64, now_ms: u64) -> Result<(), u64> {
        let in_chat = self.chats.entry((bot, chat)).or_default();
        let of_bot = self.bots.entry(bot).or_default();
        let waits_ms = [
            wait_ms(in_chat, limits.chat_per_s, 1_000, now_ms),
            if chat < 0 { wait_ms(in_chat, limits.group_per_min, 60_000, now_ms) } else { 0 },
            wait_ms(of_bot, limits.bot_per_s, 1_000, now_ms),
        ];
        let wait_ms = waits_ms.into_iter().max().unwrap_or(0);
        if wait_ms > 0 {
            return Err(wait_ms.div_ceil(1_000));
        }
        for times in [in_chat, of_bot] {
            times.retain(|at_ms| at_ms + 60_000 > now_ms);
            times.push_back(now_ms);
        }
        Ok(())
    }
}

/// How long until one more fits into the window.
fn wait_ms(times: &VecDeque<u64>, most: u32, window_ms: u64, now_ms: u64) -> u64 {
    let recent = times.iter().filter(|at_ms| **at_ms + window_ms > now_ms).count();
    let Some(over) = (recent + 1).checked_sub(most.max(1) as usize).filter(|over| *over > 0) else { return 0 };
    // As many of the oldest as are over must leave the window first.
    let leaves = times.iter().filter(|at_ms| **at_ms + window_ms > now_ms).nth(over - 1);
    leaves.map_or(0, |at_ms| at_ms + window_ms - now_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_a_group_and_a_bot_have_limits_of_their_own() {
        let limits = Limits { chat_per_s: 2, group_per_min: 3, bot_per_s: 4 };
        let mut limiter = Limiter::default();
        let mut sent = |chat, at_ms| limiter.sent(limits, 1, chat, at_ms);
        assert_eq!([sent(5, 0), sent(5, 100)], [Ok(()); 2]);
        assert_eq!(sent(5, 200), Err(1), "two in a second");
        assert_eq!(sent(5, 1_000), Ok(()), "what was refused is not counted");
        assert_eq!([sent(-7, 2_000), sent(-7, 3_500), sent(-7, 5_000)], [Ok(()); 3]);
        assert_eq!(sent(-7, 10_000), Err(52), "three in a minute");
        assert_eq!([20, 21, 22, 23].map(|chat| sent(chat, 90_000)), [Ok(()); 4]);
        assert_eq!(sent(24, 90_000), Err(1), "four of a bot");
    }
}
