//! Which factors of a term are coded in full, and which without one column, so that no columns depend on others.

use std::collections::HashSet;

/// A factor within a term: its index, and whether it lacks the column that would span the intercept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Scoped {
    pub(super) factor: usize,
    pub(super) reduced: bool,
}

/// Returns the parts of each term, whose columns stand one after the other.
///
/// `spans` says of each factor whether its columns span the intercept. The rule is that of patsy and formulaic: a term is a sum
/// of spaces, of which those that earlier terms have are left out, and (anything) + (anything):(reduced) is (anything):(full).
pub(super) fn scopes(intercept: bool, terms: &[Vec<usize>], spans: &[bool]) -> Vec<Vec<Vec<Scoped>>> {
    let mut spanned: HashSet<Vec<Scoped>> = HashSet::new();
    if intercept {
        spanned.insert(Vec::new());
    }
    let mut scope = |term: &Vec<usize>| {
        let mut parts = vec![Vec::new()];
        for &factor in term {
            let with = |part: &Vec<Scoped>| [&part[..], &[Scoped { factor, reduced: spans[factor] }]].concat();
            // As in a product of (reduced, nothing) for each factor: the last one varies fastest.
            parts = match spans[factor] {
                true => parts.iter().flat_map(|part| [with(part), part.clone()]).collect(),
                false => parts.iter().map(with).collect(),
            };
        }
        let new: Vec<_> = parts.into_iter().filter(|part| !spanned.contains(&key(part))).collect();
        spanned.extend(new.iter().map(|part| key(part)));
        simplify(new)
    };
    terms.iter().map(&mut scope).collect()
}

fn key(part: &[Scoped]) -> Vec<Scoped> {
    let mut key = part.to_vec();
    key.sort_unstable();
    key
}

/// Joins the parts that one part with a factor in full spans.
fn simplify(mut parts: Vec<Vec<Scoped>>) -> Vec<Vec<Scoped>> {
    parts.sort_by_key(Vec::len);
    let mut result: Vec<Vec<Scoped>> = Vec::new();
    for part in parts {
        let join = result.iter().enumerate().find_map(|(at, existing)| {
            if existing.len() + 1 != part.len() {
                return None;
            }
            let mut new = part.iter().filter(|scoped| !existing.contains(scoped));
            let only = new.next().filter(|only| only.reduced && new.next().is_none())?;
            Some((at, *only))
        });
        match join {
            Some((at, only)) => {
                result.remove(at);
                let full = |scoped: &Scoped| Scoped { reduced: scoped.reduced && *scoped != only, ..*scoped };
                result.push(part.iter().map(full).collect());
                result = simplify(result);
            }
            None if result.contains(&part) => {}
            None => result.push(part),
        }
    }
    result
}

/// Returns how many parts all terms have before they are joined.
pub(super) fn count_parts(terms: &[Vec<usize>], spans: &[bool]) -> usize {
    let count = |term: &Vec<usize>| term.iter().filter(|factor| spans[**factor]).count();
    let parts = |count: usize| u32::try_from(count).ok().and_then(|count| 2usize.checked_pow(count));
    terms.iter().map(|term| parts(count(term)).unwrap_or(usize::MAX)).fold(0, usize::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows parts as formulaic does: `0-` is factor 0 without one column.
    fn shown(intercept: bool, terms: &[&[usize]], spans: &[bool]) -> Vec<String> {
        let terms: Vec<Vec<usize>> = terms.iter().map(|term| term.to_vec()).collect();
        let scoped = |scoped: &Scoped| format!("{}{}", scoped.factor, if scoped.reduced { "-" } else { "" });
        let part = |part: &Vec<Scoped>| part.iter().map(scoped).collect::<Vec<_>>().join(":");
        let term = |parts: &Vec<Vec<Scoped>>| parts.iter().map(part).collect::<Vec<_>>().join(" + ");
        scopes(intercept, &terms, spans).iter().map(term).collect()
    }

    #[test]
    fn full_coding_goes_where_a_margin_is_absent() {
        let categories = [true, true];
        assert_eq!(shown(true, &[&[0], &[1], &[0, 1]], &categories), ["0-", "1-", "0-:1-"]);
        assert_eq!(shown(false, &[&[0], &[1], &[0, 1]], &categories), ["0", "1-", "0-:1-"]);
        assert_eq!(shown(true, &[&[0, 1]], &categories), ["1- + 0-:1"]);
        assert_eq!(shown(false, &[&[0, 1]], &categories), ["0:1"]);
        assert_eq!(shown(true, &[&[0], &[0, 1]], &categories), ["0-", "0:1-"]);
        // Factor 1 is a number.
        assert_eq!(shown(true, &[&[0, 1]], &[true, false]), ["0:1"]);
        assert_eq!(shown(true, &[&[1], &[0, 1]], &[true, false]), ["1", "0-:1"]);
    }
}
