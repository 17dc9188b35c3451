//! A conversation at a terminal: a prompt with line editing and a memory.
//!
//! A backslash at the end of a line goes on with the next. Ctrl-C at the prompt clears it, Ctrl-D and `/quit` leave.

use std::{io, path::PathBuf};

use futures_util::{StreamExt, stream};
use rustyline::{Config, DefaultEditor, error::ReadlineError};

use super::{ChatOptions, EXIT_NOT_SAID, api::Api, screen::Screen, session::Session};

/// How many lines the prompt remembers.
const REMEMBERED_MAX: usize = 1_000;

/// Talks until the person leaves; the exit code.
pub(super) async fn run(api: &Api, options: &ChatOptions) -> u8 {
    // See https://no-color.org: any value but an empty one.
    let is_colored = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let prompt = match Prompt::new(options.history_file.clone()) {
        Ok(prompt) => prompt,
        Err(error) => {
            eprintln!("this terminal can't be used: {error}");
            return EXIT_NOT_SAID;
        }
    };
    let session = Session::new(api, &options.conversation, Screen::new(io::stdout(), is_colored));
    match talk(session, prompt).await {
        Ok(()) => 0,
        Err(why) => {
            eprintln!("{why}");
            EXIT_NOT_SAID
        }
    }
}

async fn talk(mut session: Session<'_, io::Stdout>, mut prompt: Prompt) -> Result<(), String> {
    let mut interrupts =
        stream::unfold((), |()| async { tokio::signal::ctrl_c().await.ok().map(|()| ((), ())) }).boxed();
    println!("/help lists the commands, Ctrl-C stops a turn, Ctrl-D leaves.\n");
    prompt.measure(&mut session);
    session.begin(&mut interrupts).await?;
    loop {
        let (said, back) = tokio::task::spawn_blocking(move || (prompt.ask(), prompt))
            .await
            .map_err(|error| format!("the prompt failed: {error}"))?;
        prompt = back;
        prompt.measure(&mut session);
        match said.map_err(|error| format!("the prompt failed: {error}"))? {
            Some(text) if text.trim() == "/quit" => return Ok(()),
            Some(text) if text.trim().is_empty() => {}
            Some(text) => session.say(&text, &mut interrupts).await.map_err(|error| error.to_string())?,
            None => return Ok(()),
        }
    }
}

/// Where the person types.
struct Prompt {
    editor: DefaultEditor,
    memory: Option<PathBuf>,
}

impl Prompt {
    fn new(memory: Option<PathBuf>) -> Result<Self, ReadlineError> {
        let config = Config::builder().max_history_size(REMEMBERED_MAX)?.history_ignore_space(true).build();
        let mut editor = DefaultEditor::with_config(config)?;
        if let Some(file) = &memory {
            // The first time there is none; a broken one must not keep anybody from talking.
            let _ = editor.load_history(file);
        }
        Ok(Self { editor, memory })
    }

    /// What the person says next; `None` when they leave. Blocks.
    fn ask(&mut self) -> Result<Option<String>, ReadlineError> {
        let mut said = String::new();
        loop {
            match self.editor.readline(if said.is_empty() { "> " } else { "… " }) {
                Ok(line) => match line.strip_suffix('\\') {
                    Some(line) => {
                        said.push_str(line);
                        said.push('\n');
                    }
                    None => {
                        said.push_str(&line);
                        self.remember(&said);
                        return Ok(Some(said));
                    }
                },
                Err(ReadlineError::Interrupted) => said.clear(),
                Err(ReadlineError::Eof) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    fn remember(&mut self, said: &str) {
        // Forgetting a line is no reason to stop talking.
        if let (Ok(true), Some(file)) = (self.editor.add_history_entry(said), &self.memory) {
            let _ = self.editor.append_history(file);
        }
    }

    fn measure<W: io::Write>(&mut self, session: &mut Session<'_, W>) {
        if let Some((columns, rows)) = self.editor.dimensions() {
            session.screen.resize(columns.into(), rows.into());
        }
    }
}
