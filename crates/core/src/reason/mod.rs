//! Why something was refused or failed: one code, one text for people, one for operators.
//!
//! [`Reason`] is one table: each code stands with what it carries, its texts and an example. The texts are calm, say
//! what the person can do, and never show internals. What an agent wrote stays data: it is shortened and stripped of
//! control characters by whoever builds the reason.

mod macros;
mod table;
#[cfg(test)]
mod tests;
mod units;

pub use self::{
    table::Reason,
    units::{size, span},
};

impl Reason {
    /// The last word that a person reads, beginning with `Error:`.
    #[must_use]
    pub fn last_word(&self) -> String {
        format!("Error: {}", self.for_person())
    }
}
