//! Maximum likelihood minimises the KL divergence from the empirical distribution of the data, and the cross-entropy: three functions with
//! the same minimum.
//!
//! The program should print the same rate four times, to nine digits. The last two lines show by which constant the values differ.
//!
//! ```sh
//! cargo run --release --example three_minima
//! ```

use kiln::{
    burn::{
        module::Param,
        tensor::{FloatDType, TensorData},
    },
    dist::Poisson,
    optim::solver::{Outcome, bfgs},
    prelude::*,
    tensor::{derivative::Function, device::with_dtype},
    train::FitMle,
};

/// Deaths by horse kicks in the Prussian army (von Bortkiewicz, 1898): the number of deaths, and in how many corps-years it occurred.
const CORPS_YEARS: [(f64, f64); 5] = [(0.0, 109.0), (1.0, 65.0), (2.0, 22.0), (3.0, 3.0), (4.0, 1.0)];

fn main() -> anyhow::Result<()> {
    let info = "cpu".parse::<DeviceChoice>()?.resolve()?;
    let device = with_dtype(&info, FloatDType::F64)?;
    let vector = |numbers: Vec<f64>| {
        let n = numbers.len();
        Tensor::<1>::from_data(TensorData::new(numbers, [n]), &device)
    };
    let total: f64 = CORPS_YEARS.iter().map(|(_, n)| n).sum();
    let deaths = vector(CORPS_YEARS.iter().map(|(x, _)| *x).collect());
    let shares = vector(CORPS_YEARS.iter().map(|(_, n)| n / total).collect());
    let draws = vector(CORPS_YEARS.iter().flat_map(|(x, n)| std::iter::repeat_n(*x, *n as usize)).collect());
    let start = Param::from_tensor(vector(vec![0.5]));
    let ln_p =
        |ln_rate: &Param<Tensor<1>>, x: Tensor<1>| Poisson::new(ln_rate.val().exp()).expect("one rate").log_prob(x);

    let nll = Function::new(&start, draws.clone(), |w: &Param<Tensor<1>>, draws| -ln_p(w, draws).mean());
    let data = (deaths, shares.clone());
    let cross = Function::new(&start, data.clone(), |w: &Param<Tensor<1>>, (x, p)| -(ln_p(w, x) * p).sum());
    let divergence = Function::new(&start, data, |w: &Param<Tensor<1>>, (x, p): (Tensor<1>, Tensor<1>)| {
        (p.clone() * (p.log() - ln_p(w, x))).sum()
    });

    let report = |name: &str, outcome: Outcome| {
        let rate = outcome.x.exp().into_scalar::<f64>();
        println!("{name:<24} is least at a rate of {rate:.9}: {:.9} nats", outcome.value);
        outcome.value
    };
    let stop = Stop { gtol: 1e-10, ..Stop::default() };
    let nll = report("negative log-likelihood", minimize(&nll, start.val(), &bfgs(), &stop)?);
    let cross = report("cross-entropy", minimize(&cross, start.val(), &bfgs(), &stop)?);
    let divergence = report("divergence", minimize(&divergence, start.val(), &bfgs(), &stop)?);
    let closed = Poisson::fit_mle(draws)?.rate().into_scalar::<f64>();
    println!("{:<24} says       a rate of {closed:.9}", "the closed form");
    let entropy = -(shares.clone() * shares.log()).sum().into_scalar::<f64>();
    println!("cross-entropy − divergence = {:.9}, the entropy of the data is {entropy:.9}", cross - divergence);
    println!("negative log-likelihood − cross-entropy = {:.1e}", nll - cross);
    Ok(())
}
