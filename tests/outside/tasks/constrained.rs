//! Markowitz's portfolio: the least variance with a given mean return, weights that sum to 1, and no short sales.

use kiln::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = device::named_f64("cpu")?;
    let covariance =
        [[0.10, 0.02, 0.01, 0.00], [0.02, 0.08, 0.03, 0.01], [0.01, 0.03, 0.05, 0.01], [0.00, 0.01, 0.01, 0.02]];
    let data = (Tensor::<2>::from_data(covariance, &device), Tensor::<1>::from_data([0.12, 0.10, 0.07, 0.03], &device));
    let variance = |w: Tensor<1>, (c, _): (Tensor<2>, _)| (c * w.clone().unsqueeze_dim(0) * w.unsqueeze_dim(1)).sum();
    let solution = ConstrainedProblem::of_vector_with(Tensor::full([4], 0.25, &device), data, variance)
        .equality_with("budget", |w, _| w.sum() - 1.0)
        .inequality_with("return", |w, (_, returns)| w.dot(returns).neg() + 0.09)
        .bounded([0.0; 4], [f64::INFINITY; 4])?
        .solve()?;
    println!("{:?} {}", solution.outcome.to_vec(), solution.outcome.value);
    println!("{:?}", solution.multipliers);

    // Checks of this test, not of the task.
    // SciPy's SLSQP ends here.
    let found = solution.outcome.to_vec();
    for (x, scipy) in found.iter().zip([0.368_278_8, 0.257_134_3, 0.221_387_8, 0.153_199_2]) {
        assert!((x - scipy).abs() < 1e-6, "{found:?}");
    }
    assert!(solution.outcome.success, "{}", solution.outcome.message);
    Ok(())
}
