//! Support vector machines in f64 beside scikit-learn's, and their certificates.

use kiln::{
    burn::tensor::{Tensor, TensorData},
    data::{BREAST_CANCER_TARGET, Dataset, Encoder, breast_cancer},
    models::{Kernel, SvmConfig, SvmError, SvmFit},
};
use kiln_testkit::{assert_close, f64_device, numbers, reference, tensor, values};
use serde_json::Value;

/// The columns with mean 0 and standard deviation 1, and the classes.
fn standardised() -> (Tensor<2>, Vec<usize>) {
    let device = f64_device();
    let table = breast_cancer();
    let rows: Vec<usize> = (0..table.len()).collect();
    let encoder = Encoder::fit(&table, Some(BREAST_CANCER_TARGET), &rows, true).unwrap();
    let data = encoder.encode(&table).unwrap();
    let inputs = tensor(data.inputs(), [data.len(), data.features()], &device);
    (inputs, data.targets().to_vec())
}

fn config(row: &Value) -> SvmConfig {
    let kernel = match row["gamma"].as_f64() {
        Some(gamma) => Kernel::Rbf { gamma },
        None => Kernel::Linear,
    };
    SvmConfig::new(kernel).c(row["c"].as_f64().unwrap()).tol(1e-8)
}

#[test]
fn fitted_svms_are_scikit_learns() {
    let (x, targets) = standardised();
    for row in reference("svm")["rows"].as_array().unwrap() {
        let SvmFit { svm, support, primal, dual, kkt_residual, at_bound, converged, .. } =
            config(row).fit(&x, &targets).unwrap();
        let what = format!("{} with C = {}", row["kernel"], row["c"]);
        assert!(converged && kkt_residual <= 1e-6, "{what}: {kkt_residual:e}");
        // LIBSVM's matrix is rounded to f32, 6e-8, and its optimum with it.
        assert_close(&[dual], &numbers(&row["dual"]), 1e-6, 0.0, &format!("{what}: dual"));
        assert_close(&[primal], &[dual], 1e-7, 0.0, &format!("{what}: no gap"));
        assert!(primal >= dual - 1e-9, "{what}: weak duality");
        // scikit-learn has them class by class.
        let mut theirs: Vec<usize> = numbers(&row["support"]).iter().map(|&i| i as usize).collect();
        theirs.sort_unstable();
        assert_eq!(support, theirs, "{what}: support vectors");
        assert_eq!(at_bound as u64, row["at_bound"].as_u64().unwrap(), "{what}: at C");
        // α of a matrix that is off by 6e-8 are off by up to 1e-4 where it is nearly singular, as breast cancer's linear one is.
        assert_close(&[svm.intercept()], &numbers(&row["intercept"]), 0.0, 2e-5, &format!("{what}: intercept"));
        let decision = values(svm.decision(&x).unwrap().slice(0..10));
        assert_close(&decision, &numbers(&row["decision"]), 1e-5, 1e-5, &format!("{what}: decisions"));
        if !row["coef"].is_null() {
            let weights = values(svm.weights().unwrap());
            assert_close(&weights, &numbers(&row["coef"]), 0.0, 2e-5, &format!("{what}: weights"));
        }
    }
}

/// A weight of two is a row that is there twice.
#[test]
fn weights_count_rows() {
    let (x, targets) = standardised();
    let (x, targets) = (x.slice(0..120), targets[..120].to_vec());
    let twice: Vec<usize> = (0..120).filter(|row| row % 3 == 0).collect();
    let weights: Vec<f64> = (0..120).map(|row| if row % 3 == 0 { 2.0 } else { 1.0 }).collect();
    let again =
        Tensor::cat([vec![x.clone()], twice.iter().map(|&row| x.clone().slice(row..=row)).collect()].concat(), 0);
    let classes: Vec<usize> = targets.iter().copied().chain(twice.iter().map(|&row| targets[row])).collect();
    let config = SvmConfig::new(Kernel::Rbf { gamma: 0.05 }).c(0.5).tol(1e-10);
    let weighted = config.fit_weighted(&x, &targets, &weights).unwrap();
    let repeated = config.fit(&again, &classes).unwrap();
    assert_close(&[weighted.dual, weighted.primal], &[repeated.dual, repeated.primal], 1e-9, 0.0, "objectives");
    let [ours, theirs] = [&weighted, &repeated].map(|fit| values(fit.svm.decision(&x).unwrap()));
    assert_close(&ours, &theirs, 0.0, 1e-8, "decisions");
    let alpha: f64 = weighted.alpha.iter().sum();
    assert_close(&[alpha], &[repeated.alpha.iter().sum()], 1e-8, 0.0, "Σ α");
    assert!(matches!(config.fit_weighted(&x, &targets, &[0.0; 120]), Err(SvmError::Weight { row: 0, .. })));
    assert!(matches!(config.fit_weighted(&x, &targets, &[1.0]), Err(SvmError::Length { what: "weights", .. })));
}

/// A cache of two rows changes nothing.
#[test]
fn memory_is_bounded() {
    let (x, targets) = standardised();
    let config = SvmConfig::new(Kernel::Rbf { gamma: 1.0 / 30.0 });
    let (all, two) = (config.fit(&x, &targets).unwrap(), config.cache_mb(1e-6).fit(&x, &targets).unwrap());
    assert_eq!((all.alpha, all.iterations), (two.alpha, two.iterations));
}

#[test]
fn four_points_by_hand() {
    // On a line at −2, −1, 1, 2: the margin is 1 on either side, held by the inner two with α = ½.
    let x = tensor(&[-2.0, -1.0, 1.0, 2.0], [4, 1], &f64_device());
    let fit = SvmConfig::new(Kernel::Linear).c(10.0).fit(&x, &[0, 0, 1, 1]).unwrap();
    assert_close(&fit.alpha, &[0.0, 0.5, 0.5, 0.0], 0.0, 1e-12, "α");
    assert_close(&[fit.svm.intercept(), fit.primal, fit.dual], &[0.0, 0.5, 0.5], 0.0, 1e-12, "b and ½·w²");
    // C below ½ leaves a soft margin: all are at it but none free.
    let soft = SvmConfig::new(Kernel::Linear).c(0.1).fit(&x, &[0, 0, 1, 1]).unwrap();
    assert!(soft.at_bound > 0 && soft.kkt_residual < 1e-6);
    assert_close(&[soft.primal], &[soft.dual], 1e-6, 0.0, "no gap");
    // Two rows that are the same, of two classes.
    let same = tensor(&[1.0, 1.0], [2, 1], &f64_device());
    let fit = SvmConfig::new(Kernel::Linear).fit(&same, &[0, 1]).unwrap();
    assert_close(&fit.alpha, &[1.0, 1.0], 0.0, 1e-12, "both at C");
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    let x = tensor(&[0.0, 1.0, 2.0], [3, 1], &f64_device());
    let linear = SvmConfig::new(Kernel::Linear);
    let option = |error: Result<SvmFit, SvmError>| match error {
        Err(SvmError::Option { name, .. }) => name,
        other => panic!("{:?}", other.map(|_| ())),
    };
    assert_eq!(option(linear.c(0.0).fit(&x, &[0, 1, 1])), "c");
    assert_eq!(option(linear.tol(f64::NAN).fit(&x, &[0, 1, 1])), "tol");
    assert_eq!(option(linear.max_iter(0).fit(&x, &[0, 1, 1])), "max_iter");
    assert_eq!(option(SvmConfig::new(Kernel::Rbf { gamma: -1.0 }).fit(&x, &[0, 1, 1])), "gamma");
    assert!(matches!(linear.fit(&x, &[0, 1]), Err(SvmError::Length { what: "targets", rows: 3, got: 2 })));
    assert!(linear.fit(&x, &[1, 1, 1]).unwrap_err().to_string().contains("one class"));
    assert!(linear.fit(&x, &[0, 1, 2]).unwrap_err().to_string().contains("class 2"));
    assert_eq!(option(linear.fit(&Tensor::zeros([3, 0], &f64_device()), &[0, 1, 1])), "columns");
    let svm = linear.fit(&x, &[0, 1, 1]).unwrap().svm;
    let wide = svm.decision(&Tensor::zeros([1, 2], &f64_device())).unwrap_err();
    assert_eq!(wide, SvmError::Columns { expected: 1, got: 2 });
    let holed = Tensor::<2>::from_data(TensorData::new(vec![0.0, f64::NAN, 1.0], [3, 1]), &f64_device());
    assert!(matches!(linear.fit(&holed, &[0, 1, 1]), Err(SvmError::NotFinite { row: 1 })));
    let huge = Tensor::<2>::from_data(TensorData::new(vec![0.0, 1e200, 1.0], [3, 1]), &f64_device());
    assert!(matches!(linear.fit(&huge, &[0, 1, 1]), Err(SvmError::NotFinite { row: 1 })));
    let short = linear.max_iter(1).tol(1e-12);
    let (x, targets) = standardised();
    assert!(!short.fit(&x, &targets).unwrap().converged);
}
