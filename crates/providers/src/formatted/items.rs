//! Where the items of lists stand in a text.

use std::ops::Range;

/// An item of a list; in bytes of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// Its bullet or number, with the indentation before it.
    pub(crate) mark: Range<usize>,
    /// Where its own text ends: before the items in it, if there are any.
    pub(crate) end: usize,
    /// How many lists are around its own.
    pub(crate) depth: usize,
    /// `None` for a bullet.
    pub(crate) number: Option<u64>,
}

/// Items while the text grows.
#[derive(Debug, Default)]
pub(super) struct Items {
    all: Vec<Item>,
    /// Which of them are open, the innermost last; `None` for a task.
    open: Vec<Option<usize>>,
}

impl Items {
    /// Where the mark of an item begins that comes next: on the line that is open, behind the mark of the item around it.
    /// That one's own text ends here.
    pub(super) fn next(&mut self, text: &str) -> usize {
        let line = text.rfind('\n').map_or(0, |end| end + 1);
        let begin = line.max(self.all.last().map_or(0, |item| item.mark.end));
        self.ends(begin);
        begin
    }

    pub(super) fn begin(&mut self, mark: Range<usize>, depth: usize, number: Option<u64>) {
        self.open.push(Some(self.all.len()));
        self.all.push(Item { mark, end: usize::MAX, depth, number });
    }

    pub(super) fn end(&mut self, end: usize) {
        self.ends(end);
        self.open.pop();
    }

    /// The item that was just begun has no bullet after all.
    pub(super) fn is_task(&mut self) {
        if let Some(open) = self.open.last_mut()
            && open.take_if(|open| *open + 1 == self.all.len()).is_some()
        {
            self.all.pop();
        }
    }

    /// The items of a text that has become so long.
    pub(super) fn finish(mut self, len: usize) -> Vec<Item> {
        // Of an item that shows nothing, even the mark may be cut.
        self.all.retain(|item| item.mark.end <= len);
        self.all.iter_mut().for_each(|item| item.end = item.end.clamp(item.mark.end, len));
        self.all
    }

    /// The own text of the innermost open item ends, unless it did before.
    fn ends(&mut self, end: usize) {
        if let Some(Some(open)) = self.open.last()
            && let Some(item) = self.all.get_mut(*open)
        {
            item.end = item.end.min(end);
        }
    }
}
