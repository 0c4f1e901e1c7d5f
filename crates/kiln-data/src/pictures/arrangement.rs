//! What the folders of pictures say: which are for training and which for testing, and their classes.

use std::{cmp::Ordering, collections::BTreeSet};

/// Which part of the data a picture belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Training,
    Testing,
    /// A validation part beside a test part.
    Unused,
}

/// What the names of all pictures say.
#[derive(Debug, PartialEq)]
pub(super) struct Arrangement {
    /// Whether the pictures are divided into folders for training and for testing.
    pub(super) is_divided: bool,
    /// The names of the classes, in order. Empty without classes.
    pub(super) classes: Vec<String>,
    has_test: bool,
}

const TRAINING: [&str; 2] = ["train", "training"];
const TESTING: [&str; 2] = ["test", "testing"];
const VALIDATION: [&str; 3] = ["val", "valid", "validation"];

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.contains(&name.to_lowercase().as_str())
}

impl Arrangement {
    /// Arranges pictures by their names. Folders `train` and `test` divide the pictures, if all folders at the top are such. The folder that
    /// a picture is in, at the top or below these, is its class.
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Self {
        let tops: BTreeSet<&str> = names.clone().filter_map(|name| Some(name.split_once('/')?.0)).collect();
        let any = |group: &[&str]| tops.iter().any(|top| is_one_of(top, group));
        let all = tops.iter().all(|top| [&TRAINING[..], &TESTING, &VALIDATION].iter().any(|g| is_one_of(top, g)));
        let is_divided = all && any(&TRAINING) && (any(&TESTING) || any(&VALIDATION));
        let mut found = Self { is_divided, classes: Vec::new(), has_test: any(&TESTING) };
        let classes: BTreeSet<&str> = names.filter_map(|name| found.class_name(name)).collect();
        found.classes = classes.into_iter().map(str::to_owned).collect();
        found.classes.sort_by(|a, b| by_number(a, b));
        found
    }

    /// The folder that names the class of a picture, if there is one.
    fn class_name<'a>(&self, name: &'a str) -> Option<&'a str> {
        let below = if self.is_divided { name.split_once('/')?.1 } else { name };
        below.split_once('/').map(|(class, _)| class)
    }

    /// Returns the class of a picture. None if it has none.
    pub(super) fn class(&self, name: &str) -> Option<u32> {
        let class = self.class_name(name)?;
        self.classes.binary_search_by(|other| by_number(other, class)).ok().map(|class| class as u32)
    }

    pub(super) fn part(&self, name: &str) -> Part {
        let top = name.split_once('/').map_or("", |(top, _)| top);
        match self.is_divided {
            true if is_one_of(top, &TESTING) => Part::Testing,
            true if is_one_of(top, &VALIDATION) && self.has_test => Part::Unused,
            true if is_one_of(top, &VALIDATION) => Part::Testing,
            _ => Part::Training,
        }
    }
}

/// Numbers by size, and before texts.
fn by_number(a: &str, b: &str) -> Ordering {
    match (a.parse::<u64>(), b.parse::<u64>()) {
        (Ok(x), Ok(y)) => x.cmp(&y).then_with(|| a.cmp(b)),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_classes() {
        let names = ["10/a.png", "9/b.png", "9/deep/c.png", "d.png", "cat/e.png"];
        let found = Arrangement::of(names.into_iter());
        assert_eq!((found.is_divided, found.classes.join(" ")), (false, "9 10 cat".into()));
        assert_eq!(names.map(|name| found.class(name)), [Some(1), Some(0), Some(0), None, Some(2)]);
        let flat = Arrangement::of(["a.png", "b.png"].into_iter());
        assert_eq!((flat.classes.len(), flat.class("a.png"), flat.part("a.png")), (0, None, Part::Training));
    }

    #[test]
    fn folders_for_training_and_testing_divide() {
        let names = ["Train/cat/a.png", "train/dog/b.png", "test/dog/c.png", "val/cat/d.png"];
        let found = Arrangement::of(names.into_iter());
        assert_eq!((found.is_divided, found.classes.join(" ")), (true, "cat dog".into()));
        assert_eq!(names.map(|name| found.part(name)), [Part::Training, Part::Training, Part::Testing, Part::Unused]);
        assert_eq!(names.map(|name| found.class(name)), [Some(0), Some(1), Some(1), Some(0)]);
        // Without a test part, the validation part is for testing.
        let found = Arrangement::of(["train/a.png", "valid/b.png"].into_iter());
        assert_eq!((found.part("valid/b.png"), found.classes.len()), (Part::Testing, 0));
        // A class may have such a name.
        for names in [&["train/a.png", "plane/b.png"][..], &["train/a.png"], &["test/a.png", "val/b.png"]] {
            assert!(!Arrangement::of(names.iter().copied()).is_divided, "{names:?}");
        }
    }
}
