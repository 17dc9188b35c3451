//! What an agent wrote, made fit to be shown: valid text, no terminal codes, bounded.

mod answer;
#[cfg(test)]
mod any_bytes;
mod decode;
mod plain;
mod tail;

pub(crate) use answer::Answer;
pub(crate) use tail::Tail;
