//! What somebody wants of the demo agent: by the first word, or by what they ask about.

/// Longest wait that can be wished for.
const SLOW_SECONDS_MAX: u64 = 3_600;
const SLOW_SECONDS: u64 = 10;

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Say a line each second.
    Slow { seconds: u64 },
    /// Die by a signal.
    Crash,
    /// End with an error.
    Fail,
    /// Say something, then nothing.
    Hang,
    /// Answer word by word.
    Stream,
    /// Answer with more than one message holds.
    Long,
    /// Never stop.
    Flood,
    /// Answer a question.
    Ask(About),
}

/// What a question is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum About {
    Itself,
    Help,
    Data,
    RealAgent,
    Dying,
    Version,
    Status,
    /// Nothing that it knows: what was said.
    Else(String),
}

/// Questions by the words in them; the first that fits counts, so the narrow ones come first.
const QUESTIONS: [(&[&str], About); 22] = [
    (&["happens", "kill"], About::Dying),
    (&["happens", "crash"], About::Dying),
    (&["happens", "die"], About::Dying),
    (&["happens", "restart"], About::Dying),
    (&["kill", "you"], About::Dying),
    (&["add", "agent"], About::RealAgent),
    (&["real", "agent"], About::RealAgent),
    (&["own", "agent"], About::RealAgent),
    (&["use", "claude"], About::RealAgent),
    (&["connect", "agent"], About::RealAgent),
    (&["where", "data"], About::Data),
    (&["where", "messages"], About::Data),
    (&["where", "store"], About::Data),
    (&["where", "stored"], About::Data),
    (&["what", "can", "you", "do"], About::Help),
    (&["what", "are", "you"], About::Itself),
    (&["who", "are", "you"], About::Itself),
    (&["what", "is", "this"], About::Itself),
    (&["what", "is", "lastword"], About::Itself),
    (&["version"], About::Version),
    (&["status"], About::Status),
    (&["help"], About::Help),
];

impl Wish {
    /// Reads a prompt.
    pub(super) fn of(prompt: &str) -> Self {
        let prompt = prompt.trim();
        let words: Vec<String> = prompt
            .split(|letter: char| !letter.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        let first = prompt.split_whitespace().next().unwrap_or_default().to_lowercase();
        match first.as_str() {
            "slow" => Self::Slow { seconds: seconds(words.get(1)) },
            "crash" => Self::Crash,
            "fail" => Self::Fail,
            "hang" => Self::Hang,
            "stream" => Self::Stream,
            "long" => Self::Long,
            "flood" => Self::Flood,
            _ => Self::Ask(about(prompt, &words)),
        }
    }
}

fn seconds(word: Option<&String>) -> u64 {
    let number = word.and_then(|word| word.trim_end_matches('s').parse().ok());
    number.unwrap_or(SLOW_SECONDS).clamp(1, SLOW_SECONDS_MAX)
}

fn about(prompt: &str, words: &[String]) -> About {
    // A long text is no question about us, whatever words are in it.
    let is_short = words.len() <= 12;
    let fits = |wanted: &&[&str]| wanted.iter().all(|word| words.iter().any(|said| said == word));
    let known = QUESTIONS.iter().find(|(wanted, _)| is_short && fits(wanted));
    known.map_or_else(|| About::Else(prompt.to_owned()), |(_, about)| about.clone())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_prompt_is_a_wish_within_bounds(
            prompt in "[ \n\u{a0}]{0,2}(slow|SLOW|ſlow|crash|what|is|this|help|\\PC{0,9})[ \n-]{1,2}([0-9]{0,25}s?|½|[\\PC\\pC]{0,30})",
        ) {
            match Wish::of(&prompt) {
                Wish::Slow { seconds } => prop_assert!((1..=SLOW_SECONDS_MAX).contains(&seconds)),
                Wish::Ask(About::Else(said)) => prop_assert_eq!(said, prompt.trim()),
                wish => prop_assert_eq!(Wish::of(&format!("\n {prompt} \t")), wish),
            }
        }

        #[test]
        fn any_wait_that_may_be_wished_for_is_kept(seconds in 1..=SLOW_SECONDS_MAX, unit in "s?", behind in "( [a-z]{1,9}){0,3}") {
            prop_assert_eq!(Wish::of(&format!("slow {seconds}{unit}{behind}")), Wish::Slow { seconds });
        }
    }

    #[test]
    fn the_first_word_is_a_wish_in_any_case() {
        assert_eq!(Wish::of("  SLOW 3 "), Wish::Slow { seconds: 3 });
        assert_eq!(Wish::of("slow 5s"), Wish::Slow { seconds: 5 });
        assert_eq!(Wish::of("slow"), Wish::Slow { seconds: 10 });
        assert_eq!(Wish::of("slow down"), Wish::Slow { seconds: 10 });
        assert_eq!(Wish::of("slow 0"), Wish::Slow { seconds: 1 });
        assert_eq!(Wish::of("slow 99999999999999999999999"), Wish::Slow { seconds: 10 });
        assert_eq!(Wish::of("Crash"), Wish::Crash);
        assert_eq!(Wish::of("crashes are sad"), Wish::Ask(About::Else("crashes are sad".into())));
    }

    #[test]
    fn questions_are_known_by_their_words() {
        for (prompt, about) in [
            ("What are you?", About::Itself),
            ("so, who ARE you", About::Itself),
            ("what can you do?", About::Help),
            ("help!", About::Help),
            ("where is my data", About::Data),
            ("How do I add a real agent?", About::RealAgent),
            ("what happens when I kill you?", About::Dying),
            ("version", About::Version),
            ("status?", About::Status),
            ("", About::Else(String::new())),
            ("shall we go", About::Else("shall we go".into())),
        ] {
            assert_eq!(Wish::of(prompt), Wish::Ask(about), "{prompt}");
        }
    }
}
