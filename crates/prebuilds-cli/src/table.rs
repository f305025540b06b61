//! Tables for people. Rows are written as they come, so that a listing of any length starts at once
//! and takes no memory; the columns therefore have widths given beforehand, which longer cells
//! exceed.

use std::io::{self, Write};

use crate::style::Style;

/// A column's heading and the width that its cells usually need.
pub(crate) type Column = (&'static str, usize);

/// A cell: what it says, and the same with colour.
pub(crate) struct Cell {
    plain: String,
    coloured: Option<String>,
}

impl Cell {
    pub(crate) fn coloured(plain: &str, coloured: String) -> Self {
        Self {
            plain: plain.to_owned(),
            coloured: Some(coloured),
        }
    }
}

impl From<String> for Cell {
    fn from(plain: String) -> Self {
        Self {
            plain,
            coloured: None,
        }
    }
}

impl From<&str> for Cell {
    fn from(plain: &str) -> Self {
        plain.to_owned().into()
    }
}

/// Writes rows below each other.
pub(crate) struct Table<W> {
    out: W,
    columns: &'static [Column],
    style: Style,
    headed: bool,
}

impl<W: Write> Table<W> {
    pub(crate) fn new(out: W, columns: &'static [Column], style: Style) -> Self {
        Self {
            out,
            columns,
            style,
            headed: false,
        }
    }

    /// Writes a row, under the headings when it is the first.
    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) -> io::Result<()> {
        if !self.headed {
            self.headed = true;
            let style = self.style;
            let headings = self
                .columns
                .iter()
                .map(|&(heading, _)| Cell::coloured(heading, style.bold(heading)));
            self.line(headings)?;
        }
        self.line(cells)
    }

    /// Whether no row was written.
    pub(crate) fn is_empty(&self) -> bool {
        !self.headed
    }

    fn line(&mut self, cells: impl IntoIterator<Item = Cell>) -> io::Result<()> {
        let mut line = String::new();
        // Spaces that are only written when something follows.
        let mut owed = 0;
        for (cell, &(_, width)) in cells.into_iter().zip(self.columns) {
            let length = cell.plain.chars().count();
            if length > 0 {
                line.extend(std::iter::repeat_n(' ', owed));
                line.push_str(cell.coloured.as_deref().unwrap_or(&cell.plain));
                owed = 0;
            }
            owed += width.saturating_sub(length) + 2;
        }
        writeln!(self.out, "{line}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_below_each_other_and_lines_have_no_trailing_spaces() {
        let mut out = Vec::new();
        let columns: &[Column] = &[("ID", 4), ("PHASE", 7), ("NOTE", 0)];
        let plain = Style::stdout();
        let mut table = Table::new(&mut out, columns, plain);
        assert!(table.is_empty());
        table
            .row(["1".into(), "failed".into(), "why".into()])
            .unwrap();
        table.row(["12345".into(), "".into(), "x".into()]).unwrap();
        table.row(["7".into(), "done".into(), "".into()]).unwrap();
        assert!(!table.is_empty());
        let expected = "\
ID    PHASE    NOTE
1     failed   why
12345           x
7     done
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
