//! "Did you mean …?".

use crate::shown::Shown;

/// The longest name that is compared. A longer one is no misspelling, and the comparison takes quadratic time.
const LONGEST: usize = 200;

/// Returns a hint for a message: the candidate nearest to `name` if it is near, and nothing otherwise.
///
/// # Example
/// ```
/// use kiln_data::did_you_mean;
///
/// assert_eq!(did_you_mean("gausian", ["gaussian", "gamma"]), " (did you mean 'gaussian'?)");
/// assert_eq!(did_you_mean("weibull", ["gaussian", "gamma"]), "");
/// ```
pub fn hint<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let near = candidates
        .into_iter()
        .filter(|candidate| name.len() <= LONGEST && candidate.len() <= LONGEST)
        .map(|candidate| (distance(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .min_by_key(|(distance, _)| *distance)
        // More than a third of the letters is no longer a misspelling.
        .filter(|(distance, _)| *distance <= name.chars().count().div_ceil(3));
    near.map(|(_, candidate)| format!(" (did you mean '{}'?)", Shown(candidate))).unwrap_or_default()
}

/// Returns the Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_known_ones() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn only_near_names_are_suggested() {
        assert_eq!(hint("Bening", ["mean_radius", "benign"]), " (did you mean 'benign'?)");
        assert_eq!(hint("price", ["mean_radius", "benign"]), "");
        assert_eq!(hint(&"x".repeat(100_000), ["x"]), "");
    }
}
