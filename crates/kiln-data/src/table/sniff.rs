//! Finding the delimiter of a text file.

/// The delimiters that are tried, in the order of preference.
const CANDIDATES: [u8; 4] = *b",;\t|";
/// Lines that are looked at.
const LINES: usize = 50;

/// Returns the delimiter of a text of which `head` is the beginning: the one that divides most lines into as many cells as the
/// first line has. With one column it is a comma.
pub(super) fn delimiter(head: &[u8], is_whole: bool) -> u8 {
    let score = |delimiter: &u8| {
        let mut reader = csv::ReaderBuilder::new();
        let mut reader = reader.has_headers(false).flexible(true).delimiter(*delimiter).from_reader(head);
        let mut widths: Vec<usize> =
            reader.byte_records().map_while(Result::ok).take(LINES + 1).map(|r| r.len()).collect();
        // The last line may be cut.
        if widths.len() > LINES || (!is_whole && widths.len() > 1) {
            widths.pop();
        }
        let Some(&first) = widths.first() else { return (0, 0) };
        // A header may lack the name of the first column.
        let rows = widths[1..].iter().filter(|width| **width == first || **width == first + 1).count();
        let fits = (rows + 1) * 100 / widths.len();
        if first + usize::from(rows > 0 && widths.get(1) > Some(&first)) < 2 { (0, 0) } else { (fits, first) }
    };
    let best = CANDIDATES.iter().rev().max_by_key(|candidate| score(candidate));
    best.copied().filter(|best| score(best) > (0, 0)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_found() {
        for (text, expected) in [
            ("a,b\n1,2\n", b','),
            ("a;b;c\n1,5;2;3\n2,25;1;0\n", b';'),
            ("a\tb\n1\tx, y\n2\tz\n", b'\t'),
            ("a|b|c\n1|2|3\n", b'|'),
            ("a;b\n\"1;5\";2\n", b';'),
            ("one\n1\n2\n", b','),
            ("", b','),
            // Names that contain a semicolon.
            ("a;x,b\n1,2\n3,4\n", b','),
            // R's write.table: the header lacks a name for the row names.
            ("a;b\nr1;1;2\nr2;3;4\n", b';'),
            ("x\nr1\t1\nr2\t2\n", b'\t'),
        ] {
            assert_eq!(delimiter(text.as_bytes(), true) as char, expected as char, "{text:?}");
        }
    }

    #[test]
    fn a_line_that_is_cut_does_not_count() {
        assert_eq!(delimiter(b"a;b;c\n1;2;3\n1;", false), b';');
    }
}
