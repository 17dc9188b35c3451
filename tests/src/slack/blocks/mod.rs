//! Block Kit: what is allowed in a message, and what people read of it.
//!
//! <https://docs.slack.dev/reference/block-kit/blocks>

mod check;
mod read;

pub use self::{
    check::{MARKDOWN_CHARS_MAX, check},
    read::read,
};
