//! Duality at work: the same solution from two sides, each held against a peer's.

use kiln::{
    burn::tensor::Tensor,
    models::{Kernel, SvmConfig},
    optim::constrained::{
        Certifiable, Certificate, ConstrainedProblem, ConstrainedStop, LagrangianHessian, Sqp, minimize_constrained,
    },
};
use kiln_testkit::{assert_close, f64_device, numbers, reference, tensor, values};

const EXACT: Sqp = Sqp { hessian: LagrangianHessian::Exact, c1: 1e-4, max_trials: 30 };

fn tight() -> ConstrainedStop {
    ConstrainedStop { tol: Some(1e-11), ..ConstrainedStop::default() }
}

/// Σ p·ln p, −entropy in nats.
fn negative_entropy(p: Tensor<1>) -> Tensor<1> {
    (p.clone() * p.log()).sum()
}

/// Of all probabilities with these averages of the features, those of maximum entropy are the ones that a logistic model gives them, and
/// the multipliers of the averages are minus its coefficients: statsmodels' (Jaynes, 1957; Berger, Della Pietra and Della Pietra, 1996).
#[test]
fn maximum_entropy_is_logistic_regression() {
    let device = f64_device();
    let row = &reference("inference")["rows"][0];
    let y = numbers(&row["y"]);
    let n = y.len();
    // Three features and the intercept.
    let features: Vec<f64> = numbers(&row["x"]).chunks(3).flat_map(|x| [x[0], x[1], x[2], 1.0]).collect();
    let features = tensor::<2>(&features, [n, 4], &device);
    let observed = features.clone().transpose().matmul(tensor::<2>(&y, [n, 1], &device));
    let start = Tensor::<1>::full([n], 0.5, (&device, kiln::burn::tensor::DType::F64));
    let problem = ConstrainedProblem::of_vector(start.clone(), |p: Tensor<1>| {
        negative_entropy(p.clone()) + negative_entropy(p.neg() + 1.0)
    })
    .equality("averages", move |p: Tensor<1>| {
        let (features, observed) = (features.clone().to_device(&p.device()), observed.clone().to_device(&p.device()));
        (features.transpose().matmul(p.reshape([n, 1])) - observed).reshape([4])
    })
    .bounded(vec![0.0; n], vec![1.0; n])
    .unwrap()
    .convex();
    let solution = minimize_constrained(&problem, start, &EXACT, &tight()).unwrap();
    assert!(solution.outcome.success, "{}", solution.outcome.message);
    let coefficients: Vec<f64> = solution.multipliers.equality.iter().map(|lambda| -lambda).collect();
    assert_close(&coefficients, &numbers(&row["coef"]), 1e-6, 0.0, "multipliers and coefficients");
    // Strong duality: the largest entropy is the smallest negative log-likelihood.
    assert_close(&[solution.outcome.value], &numbers(&row["log_likelihood"]), 1e-9, 0.0, "entropy and likelihood");
    let certificate = Certificate::of(&problem, &solution.outcome.x, &solution.multipliers).unwrap();
    certificate.verify(&problem, &device).unwrap();
    assert!(certificate.duality_gap.unwrap().abs() < 1e-8);
}

/// A die whose average is 4.5 (Jaynes, 1983): p ∝ exp(−λ·k) with Σ k·p = 4.5, λ found here by bisection.
#[test]
fn the_die_of_jaynes() {
    let device = f64_device();
    let average = |lambda: f64| {
        let weights: Vec<f64> = (1..=6).map(|k| (-lambda * f64::from(k)).exp()).collect();
        let total: f64 = weights.iter().sum();
        (1..=6).zip(&weights).map(|(k, w)| f64::from(k) * w).sum::<f64>() / total
    };
    let (mut low, mut high) = (-2.0, 2.0);
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if average(middle) > 4.5 { low = middle } else { high = middle }
    }
    let weights: Vec<f64> = (1..=6).map(|k| (-low * f64::from(k)).exp()).collect();
    let expected: Vec<f64> = weights.iter().map(|w| w / weights.iter().sum::<f64>()).collect();

    let start = tensor::<1>(&[1.0 / 6.0; 6], [6], &device);
    let problem = ConstrainedProblem::of_vector(start.clone(), negative_entropy)
        .equality("total", |p: Tensor<1>| p.sum() - 1.0)
        .equality("average", |p: Tensor<1>| {
            let faces = Tensor::<1>::from_data([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &p.device());
            (p * faces).sum() - 4.5
        })
        .bounded(vec![0.0; 6], vec![1.0; 6])
        .unwrap()
        .convex();
    let solution = minimize_constrained(&problem, start, &EXACT, &tight()).unwrap();
    assert_close(&values(solution.outcome.x), &expected, 0.0, 1e-9, "the probabilities");
    assert_close(&solution.multipliers.equality[1..], &[low], 0.0, 1e-9, "λ");
    // Jaynes prints 0.05435, 0.07877, 0.11416, 0.16545, 0.23977, 0.34749.
    assert_close(&expected, &[0.05435, 0.07877, 0.11416, 0.16545, 0.23977, 0.34749], 0.0, 6e-6, "as printed");
}

/// The maximum likelihood of a categorical under Σ p = 1: pᵢ = nᵢ/N, and the multiplier is N, as each count is nᵢ = λ·pᵢ.
#[test]
fn the_multiplier_of_a_categorical_is_how_often_it_was_seen() {
    let device = f64_device();
    for counts in [vec![5.0, 2.0, 7.0, 1.0], vec![120.0, 3.0, 77.0], vec![1.0, 1.0]] {
        let (k, total) = (counts.len(), counts.iter().sum::<f64>());
        #[allow(clippy::cast_precision_loss, reason = "a number of categories")]
        let start = tensor::<1>(&vec![1.0 / k as f64; k], [k], &device);
        let seen = tensor::<1>(&counts, [k], &device);
        let problem = ConstrainedProblem::of_vector(start.clone(), move |p: Tensor<1>| {
            -(seen.clone().to_device(&p.device()) * p.log()).sum()
        })
        .equality("total", |p: Tensor<1>| p.sum() - 1.0)
        .bounded(vec![0.0; k], vec![1.0; k])
        .unwrap()
        .convex();
        let solution = minimize_constrained(&problem, start, &EXACT, &tight()).unwrap();
        let expected: Vec<f64> = counts.iter().map(|n| n / total).collect();
        assert_close(&values(solution.outcome.x), &expected, 0.0, 1e-10, "frequencies");
        assert_close(&solution.multipliers.equality, &[total], 1e-9, 0.0, "N");
    }
}

/// Weak duality: L's minimum over x is below f* whatever the multipliers, and at the optimal ones it is f*. For min ½·‖x‖² subject to
/// a·x ≥ 1 the dual function is μ − ½·μ²·‖a‖² in closed form.
#[test]
fn weak_and_strong_duality() {
    let device = f64_device();
    let a = [1.0, 2.0, -2.0];
    let start = tensor::<1>(&[3.0, 0.0, 1.0], [3], &device);
    let problem = ConstrainedProblem::of_vector(start.clone(), |x: Tensor<1>| x.square().sum() * 0.5)
        .inequality("halfspace", move |x: Tensor<1>| {
            (x.clone() * Tensor::<1>::from_data(a, &x.device())).sum().neg() + 1.0
        })
        .convex();
    let solution = minimize_constrained(&problem, start, &EXACT, &tight()).unwrap();
    let dual = |mu: f64| mu - 4.5 * mu * mu;
    for mu in [0.0, 0.01, 0.1, 0.2, 1.0, 7.0] {
        assert!(dual(mu) <= solution.outcome.value + 1e-12, "weak duality at {mu}");
    }
    let mu = solution.multipliers.inequality[0];
    assert_close(&[mu, solution.outcome.value], &[1.0 / 9.0, dual(mu)], 0.0, 1e-10, "strong duality at 1/‖a‖²");
}

/// A small machine's dual by a general solver: the same α as by SMO, the intercept as the multiplier of the balance, and the margins as
/// those of the bounds.
#[test]
fn a_support_vector_machine_is_a_quadratic_programme() {
    let device = f64_device();
    let rows = [-2.0, 0.3, -1.0, -0.4, -0.2, 0.9, 0.4, -0.7, 1.1, 0.2, 2.0, -1.0, 0.1, 0.5, -0.6, 0.1];
    let (n, c, kernel) = (8, 0.8, Kernel::Rbf { gamma: 0.7 });
    let targets = [0, 0, 0, 1, 1, 1, 0, 1];
    let x = tensor::<2>(&rows, [n, 2], &device);
    let y: Vec<f64> = targets.iter().map(|&t| if t == 1 { 1.0 } else { -1.0 }).collect();
    let y = tensor::<1>(&y, [n], &device);
    let signed = y.clone().reshape([n, 1]);
    let q = kernel.matrix(&x, &x) * signed.clone().matmul(signed.transpose());
    let start = tensor::<1>(&[0.1; 8], [n], &device);
    let problem = ConstrainedProblem::of_vector(start.clone(), move |alpha: Tensor<1>| {
        let product = q.clone().to_device(&alpha.device()).matmul(alpha.clone().reshape([n, 1])).reshape([n]);
        (alpha.clone() * (product * 0.5 - 1.0)).sum()
    })
    .equality("balance", move |alpha: Tensor<1>| (y.clone().to_device(&alpha.device()) * alpha).sum())
    .bounded(vec![0.0; n], vec![c; n])
    .unwrap()
    .convex();
    let solution = minimize_constrained(&problem, start, &EXACT, &tight()).unwrap();
    let fit = SvmConfig::new(kernel).c(c).tol(1e-11).fit(&x, &targets).unwrap();
    assert_close(&fit.alpha, &values(solution.outcome.x.clone()), 0.0, 1e-9, "α");
    assert_close(&[fit.dual], &[-solution.outcome.value], 0.0, 1e-10, "the dual objective");
    assert_close(&[fit.svm.intercept()], &solution.multipliers.equality, 0.0, 1e-9, "the intercept");
    // The slack of a row at C is the multiplier of its bound: ξ = ν₊.
    let decision = values(fit.svm.decision(&x).unwrap());
    let slack: Vec<f64> =
        (0..n).map(|i| (1.0 - decision[i] * if targets[i] == 1 { 1.0 } else { -1.0 }).max(0.0)).collect();
    let held: Vec<f64> = (0..n).map(|i| if fit.alpha[i] >= c { slack[i] } else { 0.0 }).collect();
    assert_close(&solution.multipliers.upper, &held, 0.0, 1e-8, "slacks");
    let alpha = tensor::<1>(&fit.alpha, [n], &device);
    let multipliers = problem.bound_multipliers(&alpha, &[fit.svm.intercept()], &[], 0.0).unwrap();
    Certificate::of(&problem, &alpha, &multipliers).unwrap().verify(&problem, &device).unwrap();
}
