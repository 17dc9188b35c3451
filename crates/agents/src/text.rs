//! What an agent wrote, made fit to be shown: valid text, no terminal codes, bounded.

mod answer;
mod decode;
mod plain;
mod tail;

pub(crate) use answer::Answer;
pub(crate) use tail::Tail;
