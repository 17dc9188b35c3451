//! A long answer in Markdown, so that splitting is seen on headings, a table, lists and code.

use std::fmt::Write;

/// How long it is at least, in characters.
const CHARS: usize = 20_000;

/// The answer.
pub(super) fn long() -> String {
    let mut text = String::from(
        "This is a long answer, about 20,000 characters: see how it is split, and that its parts come in order.\n",
    );
    let mut chapter = 0;
    while text.chars().count() < CHARS {
        chapter += 1;
        write(&mut text, chapter);
    }
    text + "\n**The end.** If you read this below everything else, no part is missing.\n"
}

fn write(text: &mut String, chapter: u32) {
    let next = chapter + 1;
    let lines = [
        format!("\n## Chapter {chapter}: of parts and their order\n\n"),
        "A message that is longer than a network allows goes out in several. A good place to cut is between ".into(),
        "paragraphs; a bad one is in the middle of a word; the worst is inside a block of code, because then ".into(),
        "half of it is shown as text. _Emphasis_, **weight**, ~~regret~~, `code` and [links](https://example.org) "
            .into(),
        "must each stay in one piece. Umlauts like ä, scripts like 日本語 and faces like 🙂 have lengths that ".into(),
        "every network counts in its own way.\n\n".into(),
        format!(
            "| part | of chapter | seen |\n|---|---|---|\n| first | {chapter} | yes |\n| last | {chapter} | yes |\n\n"
        ),
        "- a list\n- with a second item\n  - and one below it\n\n> and a quotation, which may span\n> two lines\n\n"
            .into(),
        format!("```rust\n/// Chapter {chapter}, as code.\nfn chapter_{chapter}() -> u32 {{\n"),
        format!(
            "    let next = {next};\n    // A comment that is long enough to be worth keeping in one piece.\n    next\n}}\n```\n"
        ),
    ];
    for line in lines {
        let _ = text.write_str(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_about_as_long_as_it_says_and_its_code_is_closed() {
        let text = long();
        assert!((20_000..22_000).contains(&text.chars().count()));
        assert_eq!(text.matches("```").count() % 2, 0);
    }
}
