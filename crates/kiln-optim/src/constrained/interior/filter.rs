//! The filter: pairs of violation and barrier value that no later point may be worse than.

/// Factors of the margins of a filter (Wächter and Biegler, 2006, section 2.3).
const MARGIN_VIOLATION: f64 = 1e-5;
const MARGIN_VALUE: f64 = 1e-8;

/// Points are judged by their violation θ and their value φ. One of the two has to become better.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    entries: Vec<[f64; 2]>,
    /// No point with more violation is accepted.
    most: f64,
}

impl Filter {
    pub(super) fn new(most: f64) -> Self {
        Self { entries: Vec::new(), most }
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Whether the point is better than `from` and than each entry, in one of the two by a margin. A difference of values below `noise`
    /// counts for the point.
    pub(super) fn accepts(&self, [violation, value]: [f64; 2], from: [f64; 2], noise: f64) -> bool {
        let better = |[other, its_value]: [f64; 2], noise: f64| {
            violation <= (1.0 - MARGIN_VIOLATION) * other || value <= its_value - MARGIN_VALUE * other + noise
        };
        violation <= self.most && better(from, noise) && self.entries.iter().all(|entry| better(*entry, noise))
    }

    /// Forbids points that are no better than this one.
    pub(super) fn add(&mut self, point: [f64; 2]) {
        self.entries.retain(|entry| entry[0] < point[0] || entry[1] < point[1]);
        self.entries.push(point);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_the_two_must_become_better() {
        let mut filter = Filter::new(10.0);
        filter.add([1.0, 5.0]);
        filter.add([2.0, 3.0]);
        let from = [1.5, 4.0];
        assert!(filter.accepts([0.5, 9.0], from, 0.0), "less violation than all");
        assert!(filter.accepts([1.5, 2.0], from, 0.0), "a lower value than all");
        assert!(!filter.accepts([1.2, 6.0], from, 0.0), "worse than (1, 5)");
        assert!(!filter.accepts([11.0, -9.0], from, 0.0), "too much violation");
        assert!(!filter.accepts(from, from, 0.0) && filter.accepts(from, from, 1e-6));
    }
}
