//! Commands of the operator's own.

use lastword_core::decide::command::BuiltIn;

use crate::config::{problem::Findings, suggest::list, tree::Node};

pub(super) fn check(root: &Node, findings: &mut Findings) {
    for command in root.get("commands").map(Node::entries).unwrap_or_default() {
        let name = &command.key;
        if BuiltIn::named(name).is_some() {
            let taken: Vec<_> = BuiltIn::ALL.iter().map(|command| command.name()).chain([BuiltIn::START]).collect();
            let text = format!(
                "commands.{name}: /{name} is a command of Lastword itself; choose another name than: {}",
                list(&taken)
            );
            findings.problem(Some(command.mark), text);
        }
    }
}
