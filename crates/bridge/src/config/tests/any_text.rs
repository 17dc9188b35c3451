//! Whatever is written, the reader answers and never panics.

use proptest::prelude::*;

use super::{EXAMPLE, parse};

/// Reads `yaml`, which must end in a configuration or in problems of the operator's own.
fn reads(yaml: &str) {
    if let Err(problems) = parse(yaml) {
        assert!(!problems.problems.is_empty());
        assert!(!problems.to_string().contains("please report this"), "{problems}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(yaml in "\\PC*") {
        reads(&yaml);
    }

    #[test]
    fn no_change_to_the_example_makes_it_panic(at in 0usize..20_000, cut in 0usize..40, put in "[\\PC\n]{0,8}") {
        let mut text: Vec<char> = EXAMPLE.chars().collect();
        let at = at % text.len();
        let end = (at + cut).min(text.len());
        text.splice(at..end, put.chars());
        reads(&text.into_iter().collect::<String>());
    }

    #[test]
    fn no_odd_value_anywhere_makes_it_panic(key in 0usize..200, value in "[\\[\\]{}*&!|>'\"%@`:,#?~0-9a-z$ -]{0,12}") {
        let mut lines: Vec<String> = EXAMPLE.lines().map(|line| line.replacen("# ", "", 1)).collect();
        let key = key % lines.len();
        if let Some((name, _)) = lines[key].clone().split_once(": ") {
            lines[key] = format!("{name}: {value}");
        }
        reads(&lines.join("\n"));
    }
}
