//! A mixture of three Gaussians on the breast cancer measurements: weights, likelihood, BIC, sizes of the clusters.

use kiln::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let table = kiln::data::breast_cancer().without(&["benign"])?;
    let inputs = Encoder::fit_all(&table, None, true)?.encode_inputs(&table)?;
    let x = Tensor::<1>::from_data(inputs.as_slice(), &device::named_f64("cpu")?).reshape([569, 30]);
    let fit = GmmConfig::new(3).covariance(CovarianceType::Diag).tol(1e-10).fit(x.clone())?;
    println!("weights {:?}", fit.mixture.weights());
    println!("log-likelihood per row {}, BIC {}", fit.log_likelihood, fit.bic);
    let labels = fit.mixture.predict(&x)?;
    println!("sizes {:?}", [0, 1, 2].map(|k| labels.iter().filter(|label| **label == k).count()));

    // Checks of this test, not of the task.
    // scikit-learn finds these sizes, in another order.
    let mut sizes = [0, 1, 2].map(|k| labels.iter().filter(|label| **label == k).count());
    sizes.sort();
    assert!(fit.converged && sizes == [130, 166, 273], "{sizes:?}");
    Ok(())
}
