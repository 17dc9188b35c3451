//! One file: what everybody reads now, and what a power cut leaves of it.

use std::{mem, sync::Arc};

/// Draws a number, of which only what is asked for below counts.
pub(super) type Chance<'c> = dyn FnMut() -> u64 + 'c;

/// Bytes that were written somewhere.
#[derive(Debug)]
struct Write {
    offset: usize,
    bytes: Vec<u8>,
}

/// What was done since the last sync.
#[derive(Debug)]
enum Change {
    Write(Write),
    SetLen(usize),
}

/// A file. Bytes that nobody changes are shared with the snapshot they came from.
#[derive(Debug, Default)]
pub(super) struct File {
    now: Arc<Vec<u8>>,
    synced: Arc<Vec<u8>>,
    /// What the next sync makes durable, in order.
    pending: Vec<Change>,
    /// What a failed sync left behind: readable, and never made durable unless it is written again.
    doomed: Vec<Write>,
}

impl Write {
    fn end(&self) -> usize {
        self.offset + self.bytes.len()
    }

    fn apply(&self, to: &mut Vec<u8>) {
        put(to, self.offset, &self.bytes);
    }

    /// What is left of it outside of `from..to`.
    fn without(self, from: usize, to: usize, left: &mut Vec<Write>) {
        if to <= self.offset || self.end() <= from {
            return left.push(self);
        }
        if self.offset < from {
            left.push(Write { offset: self.offset, bytes: self.bytes[..from - self.offset].to_vec() });
        }
        if to < self.end() {
            left.push(Write { offset: to, bytes: self.bytes[to - self.offset..].to_vec() });
        }
    }

    /// Applies what a power cut leaves of it: nothing, all, a beginning, or a beginning with garbage up to the length
    /// that the file would have had.
    fn land(&self, on: &mut Vec<u8>, chance: &mut Chance<'_>) {
        let what = chance() % 4;
        match what {
            0 => {}
            1 => self.apply(on),
            _ => {
                let kept = below(chance, self.bytes.len() + 1);
                put(on, self.offset, &self.bytes[..kept]);
                if what == 3 && on.len() < self.end() {
                    let garbage = chance().to_le_bytes();
                    let missing = self.end() - on.len();
                    on.extend(garbage.into_iter().cycle().take(missing));
                }
            }
        }
    }
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Write(write) => write.apply(to),
            Self::SetLen(length) => to.resize(*length, 0),
        }
    }
}

impl File {
    /// A file with these bytes, all of them durable.
    pub(super) fn holding(bytes: &Arc<Vec<u8>>) -> Self {
        Self { now: Arc::clone(bytes), synced: Arc::clone(bytes), ..Self::default() }
    }

    /// What everybody reads now.
    pub(super) fn now(&self) -> &Arc<Vec<u8>> {
        &self.now
    }

    pub(super) fn len(&self) -> usize {
        self.now.len()
    }

    /// Fills `buf`, with zeros beyond the end of the file; `false` if there was less than that.
    pub(super) fn read(&self, buf: &mut [u8], offset: usize) -> bool {
        let there = self.now.get(offset..).unwrap_or_default();
        let n = there.len().min(buf.len());
        buf[..n].copy_from_slice(&there[..n]);
        buf[n..].fill(0);
        n == buf.len()
    }

    pub(super) fn write(&mut self, bytes: &[u8], offset: usize) {
        put(Arc::make_mut(&mut self.now), offset, bytes);
        self.save(offset, offset + bytes.len());
        self.pending.push(Change::Write(Write { offset, bytes: bytes.to_vec() }));
    }

    pub(super) fn set_len(&mut self, length: usize) {
        Arc::make_mut(&mut self.now).resize(length, 0);
        self.save(length, usize::MAX);
        self.pending.push(Change::SetLen(length));
    }

    /// Whatever was doomed between `from` and `to` no longer counts: something else is there now.
    fn save(&mut self, from: usize, to: usize) {
        if self.doomed.is_empty() {
            return;
        }
        let mut left = Vec::new();
        mem::take(&mut self.doomed).into_iter().for_each(|write| write.without(from, to, &mut left));
        self.doomed = left;
    }

    /// Makes durable what was done since the last sync, but for what a failed one left behind.
    pub(super) fn sync(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let synced = Arc::make_mut(&mut self.synced);
        self.pending.drain(..).for_each(|change| change.apply(synced));
    }

    /// A sync that fails: the pages count as written, though they are not. A length is kept by the file system's own
    /// journal, which goes on.
    pub(super) fn fail_sync(&mut self) {
        for change in mem::take(&mut self.pending) {
            match change {
                Change::Write(write) => self.doomed.push(write),
                Change::SetLen(_) => self.pending.push(change),
            }
        }
    }

    /// Leaves what was durable, and of the rest what chance wants.
    pub(super) fn power_cut(&mut self, chance: &mut Chance<'_>) {
        if !self.doomed.is_empty() || !self.pending.is_empty() {
            let synced = Arc::make_mut(&mut self.synced);
            self.doomed.drain(..).for_each(|write| write.land(synced, chance));
            for change in self.pending.drain(..) {
                match change {
                    Change::Write(write) => write.land(synced, chance),
                    Change::SetLen(length) if chance() % 2 == 1 => synced.resize(length, 0),
                    Change::SetLen(_) => {}
                }
            }
        }
        self.now = Arc::clone(&self.synced);
    }
}

fn put(to: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if bytes.is_empty() {
        return;
    }
    if offset == to.len() {
        return to.extend_from_slice(bytes);
    }
    if to.len() < end {
        to.resize(end, 0);
    }
    to[offset..end].copy_from_slice(bytes);
}

fn below(chance: &mut Chance<'_>, limit: usize) -> usize {
    usize::try_from(chance() % limit as u64).expect("below a length")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after_a_cut(mut file: File, drawn: &[u64]) -> Vec<u8> {
        let mut drawn = drawn.iter().copied();
        file.power_cut(&mut || drawn.next().expect("no more is drawn"));
        assert_eq!(drawn.next(), None, "all is drawn");
        file.now().to_vec()
    }

    fn synced_then_written() -> File {
        let mut file = File::default();
        file.write(b"abcd", 0);
        file.sync();
        file.write(b"XY", 2);
        file.write(b"efg", 4);
        file
    }

    #[test]
    fn a_power_cut_takes_any_part_of_what_was_not_synced() {
        assert_eq!(**synced_then_written().now(), *b"abXYefg");
        for (drawn, left) in [
            (&[0, 0][..], &b"abcd"[..]),
            (&[1, 1], b"abXYefg"),
            (&[0, 1], b"abcdefg"),
            (&[1, 0], b"abXY"),
            (&[2, 1, 0], b"abXd"),
            (&[0, 2, 2], b"abcdef"),
            (&[0, 3, 1, 0x3f3f], b"abcde??"),
        ] {
            assert_eq!(after_a_cut(synced_then_written(), drawn).escape_ascii().to_string(), {
                let garbage = left.iter().map(|byte| if *byte == b'?' && drawn.len() == 4 { 0x3f } else { *byte });
                garbage.collect::<Vec<_>>().escape_ascii().to_string()
            });
        }
    }

    #[test]
    fn a_length_is_kept_or_lost() {
        let shortened = || {
            let mut file = synced_then_written();
            file.sync();
            file.set_len(1);
            file
        };
        assert_eq!(after_a_cut(shortened(), &[0]), b"abXYefg");
        assert_eq!(after_a_cut(shortened(), &[1]), b"a");
    }

    #[test]
    fn what_a_failed_sync_left_is_readable_and_is_not_saved_by_a_later_sync() {
        let failed = || {
            let mut file = synced_then_written();
            file.fail_sync();
            file.write(b"!", 3);
            file.sync();
            file
        };
        assert_eq!(**failed().now(), *b"abX!efg");
        assert_eq!(after_a_cut(failed(), &[0, 0]), b"abc!");
        assert_eq!(after_a_cut(failed(), &[1, 1]), b"abX!efg");
        let mut again = failed();
        again.write(b"Xyefg", 2);
        again.sync();
        assert_eq!(after_a_cut(again, &[]), b"abXyefg");
    }

    #[test]
    fn a_short_read_is_filled_with_zeros() {
        let mut buf = [9; 4];
        assert!(!synced_then_written().read(&mut buf, 5));
        assert_eq!(buf, [b'f', b'g', 0, 0]);
        assert!(!synced_then_written().read(&mut buf, 50));
        assert_eq!(buf, [0; 4]);
    }
}
