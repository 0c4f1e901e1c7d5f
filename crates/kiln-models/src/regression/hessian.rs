//! The second derivatives of a regression's loss, and the products of its examples' gradients.

use burn::tensor::Tensor;
use kiln_tensor::{
    derivative::{EvaluationError, Hessian, HessianProduct},
    fused,
    linalg::Symmetric,
};

use super::{host, loss::RegressionLoss};

impl HessianProduct for RegressionLoss {
    fn hvp(&self, x: &Tensor<1>, v: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        self.fits(x)?;
        self.fits(v)?;
        let p = self.probabilities(self.product(x));
        let change = self.along(p, self.product(v)) * self.shares.clone();
        Ok(self.pull_back(change, v))
    }
}

impl Hessian for RegressionLoss {
    /// Computes a block Aᵀ·diag(s·p_a·(δ_ab − p_b))·A per pair of classes, where A is the inputs with a column of ones.
    fn hessian(&self, x: &Tensor<1>) -> Result<Symmetric, EvaluationError> {
        self.fits(x)?;
        let p = self.probabilities(self.product(x));
        let curvature = |a: usize, b: usize| {
            let (pa, pb) = (p.clone().narrow(1, a, 1), p.clone().narrow(1, b, 1));
            if a == b { pa * (pb.neg() + 1.0) } else { pa.neg() * pb }
        };
        let hessian = self.in_blocks(curvature);
        let penalties = self.each_weight(|scale| self.l2 / (scale * scale));
        Ok(Symmetric::from_fn(hessian.rows(), |i, j| {
            hessian.at(i, j) + if i == j { penalties.get(i).copied().unwrap_or(0.0) } else { 0.0 }
        }))
    }
}

impl RegressionLoss {
    /// Returns Σᵢ sᵢ·gᵢ·gᵢᵀ / Σ s with the gradient gᵢ of each example's loss.
    pub(super) fn outer_products(&self, x: &Tensor<1>) -> Symmetric {
        let residuals = self.probabilities(self.product(x)) - self.targets.clone();
        self.in_blocks(|a, b| residuals.clone().narrow(1, a, 1) * residuals.clone().narrow(1, b, 1))
    }

    /// Returns the feature (d for an intercept) and the class of entry i of the vector.
    pub(super) fn places(d: usize, k: usize) -> impl Fn(usize) -> (usize, usize) {
        move |i| if i < d * k { (i / k, i % k) } else { (d, i - d * k) }
    }

    /// Assembles the matrix with a block Aᵀ·diag(s·c)·A for each pair of classes, where `c` returns `[n, 1]`.
    fn in_blocks(&self, c: impl Fn(usize, usize) -> Tensor<2>) -> Symmetric {
        let ([n, _], k) = (self.inputs.dims(), self.columns());
        if self.is_on_host() {
            let weights = |row, column| (c(row, column) * self.shares.clone()).flatten(0, 1);
            return self.assemble(&host::products(&self.inputs, k, weights));
        }
        let ones = Tensor::ones([n, 1], (&self.inputs.device(), self.inputs.dtype()));
        let a = Tensor::cat(vec![self.inputs.clone(), ones], 1);
        let mut blocks = vec![Vec::new(); k * k];
        for row in 0..k {
            for column in 0..=row {
                let block = fused::matmul(a.clone().transpose(), a.clone() * (c(row, column) * self.shares.clone()));
                blocks[row * k + column] =
                    block.into_data().try_into_vec_as::<f64>().expect("a float tensor converts to f64");
            }
        }
        self.assemble(&blocks)
    }

    /// The matrix of blocks `[d + 1, d + 1]`, of which those below the diagonal are given.
    fn assemble(&self, blocks: &[Vec<f64>]) -> Symmetric {
        let ([_, d], k) = (self.inputs.dims(), self.columns());
        let place = Self::places(d, k);
        Symmetric::from_fn((d + 1) * k, |i, j| {
            let ((f, row), (g, column)) = (place(i), place(j));
            blocks[row.max(column) * k + row.min(column)][f * (d + 1) + g]
        })
    }
}
