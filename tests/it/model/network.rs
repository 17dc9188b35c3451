//! The network of the model: a ledger, requests on their way to it, and answers on their way back.

use lastword_core::capability::Idempotency;

use super::{
    state::{About, Answer, Asks, Bubble, Edit, Life, Network, Phase, Request, World},
    variant::Variant,
};

impl Network {
    /// A request is on its way.
    pub fn send(&mut self, request: Request) {
        let at = self.requests.partition_point(|other| *other <= request);
        self.requests.insert(at, request);
    }

    /// A request is not on its way any more.
    fn arrives(&mut self, request: Request) {
        let at = self.requests.iter().position(|other| *other == request).expect("it is on its way");
        self.requests.remove(at);
    }

    /// Does what is asked.
    fn apply(&mut self, variant: &Variant, asks: Asks) -> Answer {
        match asks {
            Asks::Post { key, text } => {
                let is_native = matches!(variant.idempotency, Idempotency::Native { .. });
                if let Some(known) = self.find(key).filter(|_| is_native) {
                    return Answer::Accepted(known);
                }
                self.chat.push(Bubble { key, text, is_deleted: false });
                Answer::Accepted((self.chat.len() - 1) as u8)
            }
            Asks::Edit { bubble, text } => {
                let known = &mut self.chat[usize::from(bubble)];
                if known.is_deleted {
                    return Answer::TargetLost;
                }
                known.text = text;
                Answer::Accepted(bubble)
            }
        }
    }

    /// The message that was posted under this key.
    pub fn find(&self, key: u8) -> Option<u8> {
        self.chat.iter().position(|bubble| bubble.key == key).map(|number| number as u8)
    }
}

/// How the network treats a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treats {
    Apply,
    Refuse(Answer),
    Lose,
}

impl World {
    /// A request arrives, and its answer goes back to whoever still waits for it.
    pub fn arrives(&mut self, variant: &Variant, request: Request, treats: Treats) {
        self.network.arrives(request);
        let answer = match treats {
            Treats::Apply => self.network.apply(variant, request.asks),
            Treats::Refuse(answer) => answer,
            Treats::Lose => return,
        };
        let bridge = &mut self.bridges[usize::from(request.from)];
        if bridge.life == Life::Dead {
            return;
        }
        match request.about {
            About::Try(tried) => {
                let mut hands = bridge.hands.iter_mut();
                let waits = hands.find(|hand| (hand.tried(), hand.phase) == (tried, Phase::Waiting));
                if let Some(hand) = waits {
                    hand.phase = Phase::Answered(answer);
                }
            }
            About::Progress { shows } => {
                if let Some(live) = &mut bridge.live
                    && (live.edit, live.shows) == (Edit::Waiting, shows)
                {
                    live.edit = Edit::None;
                }
            }
        }
    }

    /// Whether the request of something that a bridge waits for is still on its way.
    pub fn is_on_its_way(&self, bridge: usize, about: About) -> bool {
        self.network.requests.iter().any(|request| (usize::from(request.from), request.about) == (bridge, about))
    }
}
