//! Tables: side by side where they are narrow enough for a telephone, otherwise row by row.

use unicode_width::UnicodeWidthStr;

/// The widest table that is laid out side by side, in columns of a monospaced font.
const WIDTH_MAX: usize = 42;

/// A table while it is read, without markup.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    cell: String,
}

/// How a table is shown.
pub(super) enum Laid {
    /// Monospaced.
    Aligned(String),
    /// For each row, lines of a column's name and its value.
    Records(Vec<Vec<(String, String)>>),
}

impl Table {
    pub(super) fn push(&mut self, text: &str) {
        self.cell.push_str(text);
    }

    /// How long the open cell is, in bytes.
    pub(super) fn cell_len(&self) -> usize {
        self.cell.len()
    }

    /// The open cell behind its first bytes.
    pub(super) fn cell_from(&self, begin: usize) -> Option<&str> {
        self.cell.get(begin..)
    }

    pub(super) fn end_cell(&mut self) {
        let cell = std::mem::take(&mut self.cell);
        let cell = cell.split_whitespace().collect::<Vec<_>>().join(" ");
        match self.rows.last_mut() {
            Some(row) => row.push(cell),
            None => self.rows.push(vec![cell]),
        }
    }

    pub(super) fn begin_row(&mut self) {
        self.rows.push(Vec::new());
    }

    pub(super) fn laid(self) -> Laid {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or_default()
        };
        let widths: Vec<_> = (0..columns).map(width).collect();
        if widths.iter().sum::<usize>() + 3 * columns.saturating_sub(1) <= WIDTH_MAX || self.rows.len() < 2 {
            Laid::Aligned(aligned(&self.rows, &widths))
        } else {
            Laid::Records(records(&self.rows))
        }
    }
}

fn aligned(rows: &[Vec<String>], widths: &[usize]) -> String {
    let mut lines = Vec::with_capacity(rows.len() + 1);
    for (index, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(widths).map(|(cell, width)| {
            let padding = width.saturating_sub(cell.width());
            format!("{cell}{}", " ".repeat(padding))
        });
        lines.push(cells.collect::<Vec<_>>().join(" | ").trim_end().to_owned());
        if index == 0 {
            lines.push(widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join("-+-"));
        }
    }
    lines.join("\n")
}

fn records(rows: &[Vec<String>]) -> Vec<Vec<(String, String)>> {
    let Some((head, rows)) = rows.split_first() else { return Vec::new() };
    let record = |row: &Vec<String>| {
        let value = |cell: &String| if cell.is_empty() { "–".to_owned() } else { cell.clone() };
        row.iter()
            .enumerate()
            .map(|(index, cell)| (head.get(index).cloned().unwrap_or_default(), value(cell)))
            .collect()
    };
    rows.iter().map(record).collect()
}
