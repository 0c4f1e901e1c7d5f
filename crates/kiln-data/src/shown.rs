//! Text from data files in messages.

use std::{
    fmt::{self, Display, Write},
    path::Path,
};

/// The longest text that a message shows, in characters.
const LONGEST: usize = 80;

/// Text from a data file, made safe to print: at most 80 characters, with control characters escaped.
///
/// Line ends, terminal escape codes and characters that change the direction of the text are escaped as in `\n` and
/// `\u{1b}`. A text that is cut ends with `…`.
///
/// # Example
///
/// ```
/// use kiln_data::Shown;
///
/// assert_eq!(Shown("two\nlines").to_string(), "two\\nlines");
/// assert_eq!(Shown(&"x".repeat(1000)).to_string().chars().count(), 81);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(pub &'a str);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        for character in characters.by_ref().take(LONGEST) {
            write_safe(f, character)?;
        }
        if characters.next().is_some() { f.write_char('…') } else { Ok(()) }
    }
}

/// A path in a message. It is not cut, because the operating system limits its length, and the end matters.
pub(crate) fn safe_path(path: &Path) -> String {
    whole(&path.display().to_string())
}

/// Text that is not cut: a list whose parts are [`Shown`], a path, or a reason from another library.
pub(crate) fn whole(text: &str) -> String {
    struct Safe<'a>(&'a str);
    impl Display for Safe<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.chars().try_for_each(|character| write_safe(f, character))
        }
    }
    Safe(text).to_string()
}

/// Joins the first twenty texts.
pub(crate) fn list<'a>(texts: impl ExactSizeIterator<Item = &'a str>) -> String {
    const MOST: usize = 20;
    let more = texts.len().saturating_sub(MOST);
    let mut shown = texts.take(MOST).map(|text| Shown(text).to_string()).collect::<Vec<_>>().join(", ");
    if more > 0 {
        shown += &format!(", and {more} more");
    }
    shown
}

fn write_safe(f: &mut fmt::Formatter<'_>, character: char) -> fmt::Result {
    let redirects = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = matches!(character, '\u{2028}' | '\u{2029}');
    if character.is_control() || redirects || breaks {
        write!(f, "{}", character.escape_default())
    } else {
        f.write_char(character)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_codes_are_escaped() {
        assert_eq!(Shown("a\u{1b}[31mred\r\n\t\u{202e}é").to_string(), "a\\u{1b}[31mred\\r\\n\\t\\u{202e}é");
        assert_eq!(safe_path(Path::new("runs/a\nb.csv")), "runs/a\\nb.csv");
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(Shown(&"é".repeat(80)).to_string(), "é".repeat(80));
        assert_eq!(Shown(&"é".repeat(81)).to_string(), "é".repeat(80) + "…");
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..22).map(|i| i.to_string()).collect();
        assert!(list(names.iter().map(String::as_str)).ends_with("19, and 2 more"));
    }
}
