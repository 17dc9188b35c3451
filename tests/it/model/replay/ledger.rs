//! The network as real requests find it: keys, texts and message ids as the store and core spell them.

use lastword_core::ids::MessageId;

use crate::model::{
    spell,
    state::{About, Answer},
};

/// What the people see.
#[derive(Debug, Default)]
pub struct Ledger {
    pub is_native: bool,
    pub posted: Vec<Posted>,
}

/// One message of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    pub key: String,
    pub text: String,
    pub is_deleted: bool,
}

/// A real request, with the model's name for what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub from: u8,
    pub about: About,
    pub asks: RealAsks,
}

/// What it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RealAsks {
    Post { key: String, text: String },
    Edit { message: MessageId, text: String },
}

impl Ledger {
    pub fn apply(&mut self, asks: &RealAsks) -> Answer {
        match asks {
            RealAsks::Post { key, text } => {
                if let Some(known) = self.find(key).filter(|_| self.is_native) {
                    return Answer::Accepted(known);
                }
                self.posted.push(Posted { key: key.clone(), text: text.clone(), is_deleted: false });
                Answer::Accepted((self.posted.len() - 1) as u8)
            }
            RealAsks::Edit { message, text } => {
                let bubble = spell::bubble_of(message);
                let known = &mut self.posted[usize::from(bubble)];
                if known.is_deleted {
                    return Answer::TargetLost;
                }
                known.text.clone_from(text);
                Answer::Accepted(bubble)
            }
        }
    }

    pub fn find(&self, key: &str) -> Option<u8> {
        self.posted.iter().position(|posted| posted.key == key).map(|number| number as u8)
    }
}
