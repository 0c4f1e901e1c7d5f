//! Duality: the probabilities of maximum entropy are those of logistic regression.
//!
//! ```sh
//! cargo run --release --example maximum_entropy
//! ```
//!
//! Each of 100 tumours gets a probability of being benign. Among all assignments that keep the observed averages of two features, one has the
//! largest entropy. The program finds it directly, with 100 unknowns and three equations, and as its dual, a logistic regression with
//! three coefficients. The coefficients are the negative multipliers of the equations.
//!
//! The program should print the same numbers twice, to eight digits, and a duality gap of 0.

use kiln::{
    burn::tensor::{FloatDType, TensorData},
    data::{BREAST_CANCER_TARGET, Encoder, breast_cancer},
    models::RegressionLoss,
    optim::{
        constrained::{self, Certificate, ConstrainedProblem, LagrangianHessian, Sqp},
        solver::newton,
    },
    prelude::*,
    tensor::device::with_dtype,
};

const N: usize = 100;

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let device = with_dtype(&"flex".parse::<DeviceChoice>()?.resolve()?, FloatDType::F64)?;
    let table = breast_cancer();
    let rows: Vec<usize> = (0..N).collect();
    let data = Encoder::fit(&table, Some(BREAST_CANCER_TARGET), &rows, true)?.encode(&table)?.subset(&rows);
    // Texture and smoothness: the classes are not separable by these features.
    let features: Vec<f64> = rows.iter().flat_map(|&row| [data.row(row)[1], data.row(row)[4]]).collect();
    let features = Tensor::<2>::from_data(TensorData::new(features, [N, 2]), &device);

    // The dual: three coefficients.
    let loss = RegressionLoss::new(features.clone(), data.targets(), 2)?;
    let fitted = minimize(&loss, loss.start(), &newton(), &Stop { gtol: 1e-12, ..Stop::default() })?;
    let coefficients: Vec<f64> = fitted.x.try_into_vec_as()?;

    // The primal: a probability for each row.
    let with_ones = Tensor::cat(vec![features, Tensor::ones([N, 1], &device)], 1).transpose();
    let observed: Vec<f64> = data.targets().iter().map(|&class| f64::from(u8::from(class == 1))).collect();
    let observed = with_ones.clone().matmul(Tensor::from_data(TensorData::new(observed, [N, 1]), &device));
    let problem = ConstrainedProblem::of_vector(Tensor::full([N], 0.5, &device), |p: Tensor<1>| {
        let q = p.clone().neg() + 1.0;
        (p.clone() * p.log() + q.clone() * q.log()).sum()
    })
    .equality("averages", move |p: Tensor<1>| {
        let (rows, observed) = (with_ones.clone().to_device(&p.device()), observed.clone().to_device(&p.device()));
        (rows.matmul(p.reshape([N, 1])) - observed).reshape([3])
    })
    .bounded(vec![0.0; N], vec![1.0; N])?
    .convex();
    let sqp = Sqp { hessian: LagrangianHessian::Exact, ..Sqp::default() };
    let solution = constrained::minimize_constrained(
        &problem,
        problem.parameters(),
        &sqp,
        &constrained::ConstrainedStop::default(),
    )?;

    println!("                    texture     smoothness  intercept");
    println!("coefficients       {}", coefficients.iter().map(|c| format!("{c:>11.8}")).collect::<Vec<_>>().join(" "));
    let multipliers = &solution.multipliers.equality;
    println!(
        "minus multipliers  {}",
        multipliers.iter().map(|m| format!("{:>11.8}", -m)).collect::<Vec<_>>().join(" ")
    );
    println!("negative log-likelihood  {:.9} nats", fitted.value * N as f64);
    println!("largest entropy          {:.9} nats", -solution.outcome.value);
    let certificate = Certificate::of(&problem, &solution.outcome.x, &solution.multipliers)?;
    certificate.verify(&problem, &device)?;
    println!("duality gap              {:.1e}, certified", certificate.duality_gap.expect("it is convex"));
    Ok(())
}
