//! Tables that line up.

use std::fmt::Write;

/// On which side of its column a cell stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table of text: columns as wide as their widest cell, two blanks between them, no blanks at the end of a line.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(columns: &[(&'static str, Side)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row with a cell for each column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<_> = cells.into_iter().collect();
        debug_assert_eq!(cells.len(), self.columns.len(), "a cell for each column");
        self.rows.push(cells);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([self.columns[column].0.chars().count()]).max().unwrap_or(0)
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, width), (_, side)) in cells.iter().zip(widths).zip(&self.columns) {
            let gap = if line.is_empty() { "" } else { "  " };
            let _ = match side {
                Side::Left => write!(line, "{gap}{cell:<width$}"),
                Side::Right => write!(line, "{gap}{cell:>width$}"),
            };
        }
        line.truncate(line.trim_end().len());
        line.push('\n');
        line
    }

    /// The heading and the rows, a line each.
    pub(crate) fn render(&self) -> String {
        let widths: Vec<_> = (0..self.columns.len()).map(|column| self.width(column)).collect();
        let heading: Vec<_> = self.columns.iter().map(|(name, _)| name.to_uppercase()).collect();
        let rows = self.rows.iter().map(|row| self.line(row, &widths));
        std::iter::once(self.line(&heading, &widths)).chain(rows).collect()
    }
}

/// Names and values, the values in a column.
#[derive(Debug, Default)]
pub(crate) struct Facts(Vec<(&'static str, String)>);

impl Facts {
    pub(crate) fn add(&mut self, name: &'static str, value: impl ToString) {
        self.0.push((name, value.to_string()));
    }

    pub(crate) fn render(&self) -> String {
        let width = self.0.iter().map(|(name, _)| name.len() + 1).max().unwrap_or(0);
        self.0.iter().fold(String::new(), |mut text, (name, value)| {
            let name = format!("{name}:");
            let _ = writeln!(text, "{name:<width$} {value}");
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_end_with_text() {
        let mut table = Table::new(&[("id", Side::Right), ("owner", Side::Left), ("state", Side::Left)]);
        table.row(["7", "root", "in use"].map(str::to_owned));
        table.row(["2147483647", "a-very-long-name", ""].map(str::to_owned));
        let expected = [
            "        ID  OWNER             STATE\n",
            "         7  root              in use\n",
            "2147483647  a-very-long-name\n",
        ];
        assert_eq!(table.render(), expected.concat());
    }

    #[test]
    fn facts_line_up() {
        let mut facts = Facts::default();
        facts.add("id", 3);
        facts.add("last sender", "none");
        assert_eq!(facts.render(), "id:          3\nlast sender: none\n");
    }
}
