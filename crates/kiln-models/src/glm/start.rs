//! Where a fit starts: the best constant mean, nearly.

use super::{Family, GlmLoss, Link, predictors::Predictor};

impl GlmLoss {
    /// The mean response, weighted.
    pub(super) fn mean_response(&self) -> f64 {
        self.sum_rows(|y, weight| weight * y) / self.total
    }

    /// The sum over the rows of all ranks.
    fn sum_rows(&self, of: impl Fn(f64, f64) -> f64) -> f64 {
        let mut sum = 0.0;
        self.each_row(|y, weight| sum += of(y, weight));
        self.ranks.total(sum)
    }

    /// The parameters of the best constant mean, nearly: without an offset.
    pub(super) fn constants(&self) -> Vec<f64> {
        let mut x = vec![0.0; self.parameter_count()];
        let mean = self.mean_response();
        // Half a response keeps shares and rates inside their range.
        let share = |count: f64, of: f64| (count + 0.5) / (of + 1.0);
        let ones = self.design.ones();
        let mut set = |predictor: usize, value: f64| {
            let Predictor { columns, start } = &self.predictors[predictor];
            if columns.contains(&ones) {
                x[start + ones - columns.start] = value;
            }
        };
        let mut counts = vec![0.0; if self.family.has_classes() { self.classes } else { 0 }];
        if self.family.has_classes() {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the index of a class")]
            self.each_row(|y, weight| counts[y as usize] += weight);
            self.ranks.sum(&mut counts);
        }
        match self.family {
            Family::Multinomial => {
                (1..self.classes).for_each(|class| set(class - 1, (counts[class] / counts[0]).ln()));
            }
            Family::Ordinal => {
                let mut below = 0.0;
                for (class, count) in counts.iter().enumerate().take(self.classes - 1) {
                    below += count;
                    set(class + 1, self.link.predictor(below / self.total));
                }
            }
            Family::Binomial => set(0, self.link.predictor(share(mean * self.total, self.total))),
            Family::ZeroInflatedPoisson => {
                let zeros = self.sum_rows(|y, weight| if y == 0.0 { weight } else { 0.0 });
                // Half of the zeros are additional ones.
                let additional = share(0.5 * zeros, self.total);
                set(0, (mean.max(0.5 / self.total) / (1.0 - additional)).ln());
                set(1, (additional / (1.0 - additional)).ln());
            }
            Family::NegativeBinomial { theta } => {
                set(0, mean.max(0.5 / self.total).ln());
                if theta.is_none() {
                    let variance = self.sum_rows(|y, weight| weight * (y - mean).powi(2)) / self.total;
                    set(1, (mean * mean / (variance - mean).max(0.01 * mean)).max(1e-3).ln());
                }
            }
            Family::Poisson => set(0, self.link.predictor(mean.max(0.5 / self.total))),
            Family::Gaussian if self.link == Link::Log => set(0, mean.abs().max(1e-300).ln()),
            _ => set(0, self.link.predictor(mean)),
        }
        x
    }
}
