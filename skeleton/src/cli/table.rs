//! Tables for a terminal, for every binary of the workspace.

use std::fmt::Write;

/// Lines of text, each column as wide as its widest cell; a column whose head starts with a space
/// is pushed to the right.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
        widest.max(head[column].trim().chars().count())
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let heads: Vec<String> = head.iter().map(|name| name.trim().to_string()).collect();
    let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
    let mut text = String::new();
    for row in [&heads, &rule].into_iter().chain(rows) {
        let mut line = String::new();
        for ((cell, name), width) in row.iter().zip(head).zip(&widths) {
            // Writing to a string never fails.
            let _ = match name.starts_with(' ') {
                true => write!(line, "  {cell:>width$}"),
                false => write!(line, "  {cell:<width$}"),
            };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [["wave", "9"], ["sit down", "10"]].map(|row| row.map(String::from).to_vec());
        let expected = "  action    ms\n  ────────  ──\n  wave       9\n  sit down  10\n";
        assert_eq!(table(&["action", " ms"], &rows), expected);
    }
}
