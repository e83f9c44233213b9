//! A table as Helm prints it: cells padded to their column, a tab between them.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The lines of a table. Cells that are wider than `widest` end in `...`.
pub fn text<const N: usize>(rows: &[[String; N]], widest: Option<usize>) -> String {
    let widths: [usize; N] = std::array::from_fn(|column| {
        let width = rows.iter().map(|row| row[column].width()).max().unwrap_or_default();
        widest.map_or(width, |widest| width.min(widest))
    });
    let line = |row: &[String; N]| {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| fitted(cell, width)).collect();
        format!("{}\n", cells.join("\t"))
    };
    rows.iter().map(line).collect()
}

fn fitted(cell: &str, width: usize) -> String {
    let own = cell.width();
    if own <= width {
        return format!("{cell}{}", " ".repeat(width - own));
    }
    let (mut kept, mut used) = (String::new(), 0);
    for letter in cell.chars() {
        kept.push(letter);
        let wide = letter.width().unwrap_or_default();
        if used + wide >= width.saturating_sub(3) {
            break;
        }
        used += wide;
    }
    kept + "..."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_even_and_bounded() {
        let row = |one: &str, two: &str| [one.to_owned(), two.to_owned()];
        assert_eq!(text(&[row("NAME", "URL"), row("local", "http://x")], None), "NAME \tURL     \nlocal\thttp://x\n");
        assert_eq!(text(&[row("N", "U"), row("abcdefghij", "")], Some(8)), "N       \tU\nabcde...\t \n");
    }
}
