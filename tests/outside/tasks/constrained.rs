//! Markowitz's portfolio: the least variance with a given mean return, weights that sum to 1, and no short sales.

use kiln::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = device::named_f64("cpu")?;
    let covariance = Tensor::<2>::from_data(
        [[0.10, 0.02, 0.01, 0.00], [0.02, 0.08, 0.03, 0.01], [0.01, 0.03, 0.05, 0.01], [0.00, 0.01, 0.01, 0.02]],
        &device,
    );
    let returns = Tensor::<1>::from_data([0.12, 0.10, 0.07, 0.03], &device);

    let start = Tensor::<1>::full([4], 0.25, &device);
    let problem = ConstrainedProblem::of_vector_with(start.clone(), (covariance, returns), |w, (covariance, _)| {
        let w = w.unsqueeze_dim::<2>(1);
        (covariance.matmul(w.clone()) * w).sum()
    })
    .equality_with("budget", |w, _| w.sum() - 1.0)
    .inequality_with("return", |w, (_, returns)| -(w * returns).sum() + 0.09)
    .bounded([0.0; 4], [f64::INFINITY; 4])?
    .convex();
    let solution = minimize_constrained(&problem, start, &Sqp::default(), &ConstrainedStop::default())?;
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
