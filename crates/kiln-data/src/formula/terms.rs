//! The terms that a formula stands for.

use std::collections::{HashMap, HashSet};

use super::{
    error::FormulaError,
    expression::Expression,
    factor::Factor,
    tree::{Binary, Parsed, Tree, TreeKind, What},
};

/// The largest number of terms.
const MAX_TERMS: usize = 10_000;
/// The largest number of steps while a formula is expanded.
const MAX_STEPS: usize = 2_000_000;

/// The terms of a formula.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Terms {
    pub(super) intercept: bool,
    /// Different factors.
    pub(super) factors: Vec<Factor>,
    /// Each term as indices of its factors, in the order of the features: by the number of factors, and as they were written.
    pub(super) terms: Vec<Vec<usize>>,
    pub(super) offsets: Vec<Expression>,
}

impl Terms {
    /// Expands a formula; `others` are the columns for which `.` stands.
    pub(super) fn of(parsed: &Parsed, others: &[String]) -> Result<Self, FormulaError> {
        let mut expansion = Expansion { others, ..Expansion::default() };
        let (mut intercept, mut offsets, mut terms) = (true, Vec::new(), Set::default());
        for item in &parsed.items {
            match &item.what {
                What::One => intercept = !item.minus,
                What::Zero => intercept = item.minus,
                What::Offset(expression) => offsets.push(expression.clone()),
                What::Terms(tree) => {
                    let set = expansion.expand(tree)?;
                    if item.minus { expansion.remove(&mut terms, &set)? } else { terms.add_all(set.list)? }
                }
            }
        }
        // As in R: terms of fewer factors come first.
        terms.list.sort_by_key(Vec::len);
        let mut result = Self { intercept, factors: expansion.factors, terms: terms.list, offsets };
        result.forget_unused();
        Ok(result)
    }

    /// Leaves out factors of terms that were removed.
    fn forget_unused(&mut self) {
        let used: HashSet<usize> = self.terms.iter().flatten().copied().collect();
        let mut kept = 0;
        let new: Vec<usize> = (0..self.factors.len())
            .map(|old| {
                kept += usize::from(used.contains(&old));
                kept.saturating_sub(1)
            })
            .collect();
        self.terms.iter_mut().flatten().for_each(|factor| *factor = new[*factor]);
        let mut old = 0..;
        self.factors.retain(|_| old.next().is_some_and(|old| used.contains(&old)));
    }
}

/// Different terms in the order of their appearance.
#[derive(Default)]
struct Set {
    list: Vec<Vec<usize>>,
    /// The sorted factors of each.
    keys: HashSet<Vec<usize>>,
}

fn key(term: &[usize]) -> Vec<usize> {
    let mut key = term.to_vec();
    key.sort_unstable();
    key
}

impl Set {
    fn add(&mut self, term: Vec<usize>) -> Result<(), FormulaError> {
        if self.keys.insert(key(&term)) {
            if self.list.len() == MAX_TERMS {
                return Err(FormulaError::TooManyTerms { limit: MAX_TERMS });
            }
            self.list.push(term);
        }
        Ok(())
    }

    fn add_all(&mut self, terms: Vec<Vec<usize>>) -> Result<(), FormulaError> {
        terms.into_iter().try_for_each(|term| self.add(term))
    }
}

#[derive(Default)]
struct Expansion<'a> {
    others: &'a [String],
    factors: Vec<Factor>,
    by_text: HashMap<String, usize>,
    steps: usize,
}

impl Expansion<'_> {
    fn factor(&mut self, factor: &Factor) -> usize {
        let next = self.factors.len();
        let index = *self.by_text.entry(factor.to_string()).or_insert(next);
        if index == next {
            self.factors.push(factor.clone());
        }
        index
    }

    fn expand(&mut self, tree: &Tree) -> Result<Set, FormulaError> {
        let mut set = Set::default();
        match &tree.kind {
            TreeKind::Factor(factor) => set.add(vec![self.factor(factor)])?,
            TreeKind::Dot => {
                for name in self.others {
                    set.add(vec![self.factor(&Factor::Column(name.clone()))])?;
                }
            }
            TreeKind::Sum(items) => {
                for (minus, tree) in items {
                    let other = self.expand(tree)?;
                    if *minus { self.remove(&mut set, &other)? } else { set.add_all(other.list)? }
                }
            }
            TreeKind::Power(base, power) => {
                let base = self.expand(base)?;
                set.add_all(base.list.clone())?;
                for _ in 1..*power {
                    let before = set.list.len();
                    set = self.products(&set, &base)?;
                    if set.list.len() == before {
                        break;
                    }
                }
            }
            TreeKind::Binary(operator, left, right) => {
                let (left, right) = (self.expand(left)?, self.expand(right)?);
                match operator {
                    Binary::Interact => set = self.products(&left, &right)?,
                    Binary::Cross => {
                        let products = self.products(&left, &right)?;
                        set.add_all(left.list)?;
                        set.add_all(right.list)?;
                        set.add_all(products.list)?;
                    }
                    Binary::Nest => set = self.nest(left, &right)?,
                    Binary::In => set = self.nest(right, &left)?,
                }
            }
        }
        Ok(set)
    }

    /// Counts steps, and returns an error if there are too many.
    fn count(&mut self, steps: usize) -> Result<(), FormulaError> {
        self.steps += steps;
        if self.steps > MAX_STEPS { Err(FormulaError::TooManyTerms { limit: MAX_TERMS }) } else { Ok(()) }
    }

    /// Removes the terms of `other` from `set`.
    fn remove(&mut self, set: &mut Set, other: &Set) -> Result<(), FormulaError> {
        if other.keys.iter().any(|key| set.keys.contains(key)) {
            self.count(set.list.len())?;
            set.keys.retain(|key| !other.keys.contains(key));
            set.list.retain(|term| !other.keys.contains(&key(term)));
        }
        Ok(())
    }

    /// Returns the parents, and the product of all of them with each nested term.
    fn nest(&mut self, mut parents: Set, nested: &Set) -> Result<Set, FormulaError> {
        let mut all = Set::default();
        all.add(parents.list.iter().fold(Vec::new(), |all, term| product(&all, term)))?;
        let products = self.products(&all, nested)?;
        parents.add_all(products.list)?;
        Ok(parents)
    }

    fn products(&mut self, left: &Set, right: &Set) -> Result<Set, FormulaError> {
        let mut set = Set::default();
        for a in &left.list {
            for b in &right.list {
                self.count(1)?;
                set.add(product(a, b))?;
            }
        }
        Ok(set)
    }
}

fn product(a: &[usize], b: &[usize]) -> Vec<usize> {
    let mut product = a.to_vec();
    for factor in b {
        if !product.contains(factor) {
            product.push(*factor);
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use super::{super::parse::parse, *};

    fn terms(text: &str) -> String {
        let others = ["a", "b", "c"].map(str::to_owned);
        let terms = Terms::of(&parse(text).unwrap(), &others).unwrap();
        let shown = |term: &Vec<usize>| {
            term.iter().map(|factor| terms.factors[*factor].to_string()).collect::<Vec<_>>().join(":")
        };
        let mut shown: Vec<String> = terms.terms.iter().map(shown).collect();
        if terms.intercept {
            shown.insert(0, "1".into());
        }
        shown.join(" ")
    }

    /// formulaic.Formula(text) has these terms.
    #[test]
    fn operators_expand_as_in_formulaic() {
        for (text, expected) in [
            ("a*b*c", "1 a b c a:b a:c b:c a:b:c"),
            ("(a+b+c)**2", "1 a b c a:b a:c b:c"),
            ("(a+b)^3", "1 a b a:b"),
            ("a/b/c", "1 a a:b a:b:c"),
            ("(a+b)/c", "1 a b a:b:c"),
            ("a/(b+c)", "1 a a:b a:c"),
            ("b %in% a", "1 a a:b"),
            ("a*b - a:b", "1 a b"),
            ("a:b + b:a + a", "1 a a:b"),
            ("0 + a", "a"),
            ("a - 1", "a"),
            ("a + -1", "a"),
            ("a - 0", "1 a"),
            ("-1 + a + 1", "1 a"),
            ("a - -b", "1 a b"),
            ("(a + b):c", "1 a:c b:c"),
            (". - b", "1 a c"),
            ("(.)**2 - a:c", "1 a b c a:b b:c"),
            ("a*b:c", "1 a b:c a:b:c"),
            ("1", "1"),
            ("0", ""),
            ("a:a", "1 a"),
            ("a*(b - b)", "1 a"),
        ] {
            assert_eq!(terms(text), expected, "{text}");
        }
    }

    #[test]
    fn explosions_are_errors() {
        let sum = (0..200).map(|i| format!("x{i}")).collect::<Vec<_>>().join("+");
        for text in [format!("({sum})**9"), format!("({sum})*({sum})*({sum})"), format!("({sum})**1000000000")] {
            let error = Terms::of(&parse(&text).unwrap(), &[]).unwrap_err();
            assert_eq!(error, FormulaError::TooManyTerms { limit: MAX_TERMS });
        }
        assert_eq!(terms("(a+b)**1000000000"), "1 a b a:b");
    }
}
