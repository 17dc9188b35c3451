//! The command line of an attempt: wrapper, program, arguments, and the prompt where it goes by argument.

use std::ffi::OsString;

use lastword_core::reason::Reason;

use super::settings::{CommandSettings, PromptBy};

/// Longest prompt that can be one argument: what Linux allows
/// ([`MAX_ARG_STRLEN`](https://man7.org/linux/man-pages/man2/execve.2.html), 32 pages of 4 KiB) less its end and our
/// space.
pub const ARGUMENT_BYTES_MAX: usize = 32 * 4096 - 2;

/// What stands for the prompt.
const PROMPT: &str = "{prompt}";

/// The command line, or why this prompt can't be in it.
pub(super) fn argv(settings: &CommandSettings, prompt: &str) -> Result<Vec<OsString>, Reason> {
    let mut argv: Vec<OsString> = settings.wrapper.iter().chain([&settings.program]).map(Into::into).collect();
    if settings.prompt == PromptBy::Stdin {
        argv.extend(settings.args.iter().map(Into::into));
        return Ok(argv);
    }
    if prompt.len() > ARGUMENT_BYTES_MAX {
        return Err(Reason::TooLong { max_bytes: ARGUMENT_BYTES_MAX as u64 });
    }
    if prompt.contains('\0') {
        let detail = "the message holds a NUL character, which no argument can; `prompt: stdin` passes it".into();
        return Err(Reason::AgentNotStarted { detail });
    }
    let appended = (!settings.args.iter().any(|arg| arg == PROMPT)).then_some(PROMPT);
    for arg in settings.args.iter().map(String::as_str).chain(appended) {
        match arg {
            PROMPT => argv.push(harmless(prompt, argv.last().is_some_and(|before| before == "--")).into()),
            _ => argv.push(arg.into()),
        }
    }
    Ok(argv)
}

/// The prompt, so that no program takes it for an option.
fn harmless(prompt: &str, is_after_options: bool) -> String {
    if prompt.starts_with('-') && !is_after_options { format!(" {prompt}") } else { prompt.to_owned() }
}

#[cfg(test)]
mod tests {
    use lastword_core::ids::AgentId;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The prompt is one argument and all of it, no other argument changes, and no program takes it for an option.
        #[test]
        fn a_prompt_is_one_argument_whatever_it_says(
            args in prop::collection::vec(prop_oneof![Just(PROMPT.to_owned()), Just("--".to_owned()), "[a-z{} -]{0,9}"], 0..5),
            prompt in prop_oneof!["-{0,2}[\\PC\n'\"$`;{}]{0,30}", Just(PROMPT.to_owned())],
        ) {
            let given: Vec<&str> = args.iter().map(String::as_str).collect();
            let line = line(&given, &prompt);
            let appended = (!given.contains(&PROMPT)).then_some(PROMPT);
            let wanted: Vec<&str> = ["box", "ask"].into_iter().chain(given.iter().copied()).chain(appended).collect();
            prop_assert_eq!(line.len(), wanted.len());
            for (at, (wanted, got)) in wanted.iter().zip(&line).enumerate() {
                if *wanted == PROMPT {
                    prop_assert_eq!(got.strip_prefix(' ').filter(|_| prompt.starts_with('-')).unwrap_or(got), &prompt);
                    prop_assert!(!got.starts_with('-') || line[at - 1] == "--", "{:?}", line);
                } else {
                    prop_assert_eq!(got, wanted);
                }
            }
        }
    }

    fn line(args: &[&str], prompt: &str) -> Vec<String> {
        let mut settings = CommandSettings::new(AgentId::new("a"), "ask", vec!["shim".into()]);
        settings.prompt = PromptBy::Argument;
        settings.args = args.iter().map(ToString::to_string).collect();
        settings.wrapper = vec!["box".into()];
        let argv = argv(&settings, prompt).unwrap();
        argv.into_iter().map(|arg| arg.into_string().unwrap()).collect()
    }

    #[test]
    fn the_prompt_stands_where_it_was_asked_for_or_last() {
        assert_eq!(line(&["-p", "{prompt}", "-q"], "a b; {prompt}"), ["box", "ask", "-p", "a b; {prompt}", "-q"]);
        assert_eq!(line(&["-p"], "hi"), ["box", "ask", "-p", "hi"]);
        assert_eq!(line(&["x{prompt}"], "hi"), ["box", "ask", "x{prompt}", "hi"]);
    }

    #[test]
    fn a_prompt_is_never_an_option() {
        assert_eq!(line(&[], "--no-sandbox"), ["box", "ask", " --no-sandbox"]);
        assert_eq!(line(&["--", "{prompt}"], "- a list"), ["box", "ask", "--", "- a list"]);
    }

    #[test]
    fn what_no_argument_can_hold_is_refused_with_a_reason() {
        let mut settings = CommandSettings::new(AgentId::new("a"), "ask", vec!["shim".into()]);
        settings.prompt = PromptBy::Argument;
        let too_long = "x".repeat(ARGUMENT_BYTES_MAX + 1);
        assert_eq!(argv(&settings, &too_long).unwrap_err().code(), "too_long");
        assert_eq!(argv(&settings, "a\0b").unwrap_err().code(), "agent_not_started");
        settings.prompt = PromptBy::Stdin;
        assert!(argv(&settings, &too_long).is_ok());
    }
}
