//! Making a failing story shorter, and saying how to repeat it.

use super::{
    check::{Told, tell},
    story::Story,
};

/// The shortest story that still fails, found by leaving out one part after the other, with what it shows.
pub fn shrink(story: &Story) -> (Vec<usize>, Story, Told) {
    let mut kept: Vec<usize> = (0..story.parts()).collect();
    let mut told = tell(story);
    loop {
        let shorter = kept.iter().find_map(|left_out| {
            let fewer: Vec<usize> = kept.iter().copied().filter(|part| part != left_out).collect();
            let told = tell(&story.keeping(&fewer));
            (!told.wrong.is_empty()).then_some((fewer, told))
        });
        match shorter {
            Some((fewer, shown)) => (kept, told) = (fewer, shown),
            None => return (kept.clone(), story.keeping(&kept), told),
        }
    }
}

/// Everything that somebody needs who wants to know why.
pub fn report(story: &Story) -> String {
    let (kept, shortest, told) = shrink(story);
    let numbers = kept.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    format!(
        "the promise is broken.\n\nThe story:\n{story}\nThe shortest that fails:\n{shortest}\nWhat happened:\n{}\n\n\
         What is wrong:\n{}\n\nRepeat it with:\n  LASTWORD_SIMULATE_SEED={} LASTWORD_SIMULATE_PARTS={numbers} cargo nextest \
         run --workspace -E 'test(simulate::one_story)' --no-capture\n",
        told.happened.join("\n"),
        told.wrong.join("\n"),
        story.seed,
    )
}
