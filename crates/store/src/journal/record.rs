//! One record, one line: a checksum, a blank, and JSON.

use lastword_core::{ids::Fence, store::Verdict};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What a journal says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Record {
    /// A finished answer whose election is not decided.
    Answer {
        /// The store that gave the turn its number: another one has another turn of this number.
        deployment: String,
        /// The answer.
        verdict: Verdict,
    },
    /// The election of this answer is decided, won or lost.
    Settled(Fence),
}

/// The record as a line, with its end.
pub(super) fn line(record: &impl Serialize) -> std::io::Result<Vec<u8>> {
    let json = serde_json::to_vec(record)?;
    let mut line = format!("{:08x} ", crc32fast::hash(&json)).into_bytes();
    line.extend(json);
    line.push(b'\n');
    Ok(line)
}

/// Every record of a journal's text, and how many lines can't be read. A last line without its end was being written
/// when its process died: nobody relied on it.
pub(super) fn read<T: DeserializeOwned>(text: &[u8]) -> (Vec<T>, usize) {
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    let (mut records, mut damaged) = (Vec::new(), 0);
    for line in text[..whole].split_inclusive(|byte| *byte == b'\n') {
        match parse(&line[..line.len() - 1]) {
            Some(record) => records.push(record),
            None => damaged += 1,
        }
    }
    (records, damaged)
}

fn parse<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    let (sum, json) = line.split_at_checked(9)?;
    let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?.strip_suffix(' ')?, 16).ok()?;
    if sum != crc32fast::hash(json) {
        return None;
    }
    serde_json::from_slice(json).ok()
}

#[cfg(test)]
mod tests {
    use lastword_core::{
        ids::{Attempt, TurnId},
        reason::Reason,
        store::End,
    };

    use super::*;

    fn answer(turn: i64, end: End) -> Record {
        let fence = Fence { turn: TurnId(turn), attempt: Attempt(1) };
        let parts = vec!["two\nlines".into(), "é".into()];
        Record::Answer {
            deployment: "here".into(),
            verdict: Verdict { fence, end, parts, files: Vec::new(), if_progress: None },
        }
    }

    fn text(records: &[Record]) -> Vec<u8> {
        records.iter().flat_map(|record| line(record).unwrap()).collect()
    }

    #[test]
    fn what_is_written_reads_back() {
        let fence = Fence { turn: TurnId(2), attempt: Attempt(1) };
        let records =
            [answer(1, End::Answered), answer(2, End::Errored(Reason::Idle { after_ms: 5 })), Record::Settled(fence)];
        assert_eq!(read::<Record>(&text(&records)), (records.to_vec(), 0));
    }

    #[test]
    fn a_torn_tail_is_nothing_and_a_damaged_middle_is_counted() {
        let (first, last) = (answer(1, End::Answered), answer(3, End::Answered));
        let mut written = text(&[first.clone(), answer(2, End::Answered), last.clone()]);
        let in_the_middle = text(std::slice::from_ref(&first)).len() + 30;
        written[in_the_middle] ^= 1;
        assert_eq!(read(&written), (vec![first.clone(), last.clone()], 1));
        for torn in 1..text(std::slice::from_ref(&last)).len() {
            assert_eq!(read(&written[..written.len() - torn]), (vec![first.clone()], 1));
        }
    }

    #[test]
    fn no_garbage_makes_it_panic() {
        for garbage in [&b""[..], b"\n", b"short\n", b"0000000g {}\n", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\n"] {
            assert!(read::<Record>(garbage).0.is_empty());
        }
    }
}
