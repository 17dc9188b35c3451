//! The agent contract on the command agent, with the prompt on stdin and as an argument.

use std::{fs, time::Duration};

use async_trait::async_trait;
use lastword_agents::command::{CommandAgent, PromptBy};
use lastword_core::{
    agent::{Agent, AgentRequest},
    contract::agent::{Act, Subject},
};

use crate::world::{HELPERS, World, block_on, script_settings};

struct Command {
    world: World,
    prompt: PromptBy,
}

impl Command {
    fn new(prompt: PromptBy) -> Self {
        Self { world: World::new(), prompt }
    }

    fn script(&self, act: Act) -> String {
        match act {
            Act::Echo if self.prompt == PromptBy::Argument => r#"printf %s "$1""#.to_owned(),
            Act::Echo => "cat".to_owned(),
            Act::Write(pieces) => {
                let mut script = String::new();
                for (at, piece) in pieces.iter().enumerate() {
                    fs::write(self.world.path().join(format!("piece.{at}")), piece).unwrap();
                    script.push_str(&format!("cat piece.{at}\n"));
                }
                script + ": > acted"
            }
            Act::Fail(line) => {
                fs::write(self.world.path().join("line"), line).unwrap();
                "echo something else >&2; cat line >&2; exit 3".to_owned()
            }
            Act::Die => "kill -SEGV $$".to_owned(),
            Act::Silent => ":".to_owned(),
            Act::Flood => "echo $$ > pid.flood; exec yes".to_owned(),
            Act::Linger => format!("echo $$ > pid.agent; {HELPERS} : > acted; exec sleep 1000"),
            Act::LeaveBehind => format!("{HELPERS} : > acted; echo done"),
        }
    }
}

#[async_trait]
impl Subject for Command {
    fn agent(&self, act: Act) -> Box<dyn Agent> {
        let mut settings = script_settings(&self.script(act));
        settings.prompt = self.prompt;
        if self.prompt == PromptBy::Argument {
            settings.args.push("name".to_owned());
        }
        settings.output_bytes_max = self.output_bytes_max();
        Box::new(CommandAgent::new(settings))
    }

    fn request(&self, prompt: &str) -> AgentRequest {
        self.world.request(prompt)
    }

    fn output_bytes_max(&self) -> u64 {
        300_000
    }

    fn takes_any_prompt(&self) -> bool {
        self.prompt == PromptBy::Stdin
    }

    fn has_processes(&self) -> bool {
        true
    }

    fn has_acted(&self) -> bool {
        self.world.has("acted")
    }

    fn is_gone(&self) -> bool {
        self.world.living().is_empty()
    }

    async fn pause(&self) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

mod by_stdin {
    use super::*;

    lastword_core::agent_contract!(block_on: block_on, subject: Command::new(PromptBy::Stdin));
}

mod by_argument {
    use super::*;

    lastword_core::agent_contract!(block_on: block_on, subject: Command::new(PromptBy::Argument));
}
