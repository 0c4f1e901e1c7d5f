//! Trains a module under a constraint: the best reconstruction of digits with a code of at most 6 nats.
//!
//! ```sh
//! cargo run --release --example constrained_vae
//! ```
//!
//! A VAE has a rate (the KL of its code, in nats per image) and a distortion (−log p of the image given the code). This program
//! minimises the distortion subject to a rate of at most 6 nats. The multiplier of this budget moves in the training loop. The Lagrangian is
//! the loss of a β-VAE (Higgins et al., 2017) with the multiplier as its β. At the end, the multiplier is the β that leads to this rate:
//! below 1 if the budget is above the rate of an ordinary VAE, and above 1 if it is below.
//!
//! The program should end with a rate within 0.2 nats of the budget on the training images. It writes constrained_vae.svg: rate and
//! multiplier per step.

use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex},
};

use kiln::{
    data::{HoldOut, Locate, load_images},
    optim::constrained::DualAscent,
    prelude::*,
    train::Constrained,
};
use plotters::prelude::*;

const BUDGET: f64 = 6.0;

/// The rate and the multiplier at each step.
#[derive(Clone, Default)]
struct Curves(Arc<Mutex<Vec<[f64; 2]>>>);

impl<M> Observer<M> for Curves {
    fn on_step(&mut self, report: &StepReport, _: &Watched<'_, M>) -> Result<ControlFlow<()>, TrainError> {
        let term = |name: &str| report.metrics.term(name).unwrap_or(f64::NAN);
        self.0.lock().expect("no thread panics").push([term("rate"), term("multiplier")]);
        Ok(ControlFlow::Continue(()))
    }
}

fn main() -> anyhow::Result<()> {
    let device = "auto".parse::<DeviceChoice>()?.resolve()?.device();
    let digits = load_images("digits", &Locate::default(), HoldOut::default(), &mut |_| {})?;
    let model = VaeConfig::new(64).hidden_dim(200).latent_dim(10).init(0, &device.clone().autodiff())?;

    let ascent = DualAscent::inequalities(1, &device).step(2e-3)?.penalty(0.05)?;
    let objective = Constrained::new(ascent, |model: &Vae, x: Tensor<2>, stream: &mut Stream| {
        let posterior = model.posterior(x.clone());
        let rate = model.kl_to_prior(&posterior).expect("it has a closed form").mean();
        let distortion = -model.likelihood(posterior.rsample(stream)).log_prob_per_example(x).mean();
        let reported = [("rate", &rate), ("distortion", &distortion)];
        let terms = reported.map(|(name, term)| (name, term.clone().without_autodiff())).to_vec();
        (Loss { value: distortion, terms }, rate - BUDGET)
    });

    let curves = Curves::default();
    let config = TrainConfig { epochs: 60, batch_size: 64, ..TrainConfig::default() };
    let trainer = Trainer::new(config, AdamConfig::new().build()?).observe(curves.clone());
    let outcome = trainer.fit(model, &objective, &digits.train, Some(&digits.test))?;

    let curves = curves.0.lock().expect("no thread panics").clone();
    let last = &curves[curves.len() - 200..];
    let mean = |which: usize| last.iter().map(|step| step[which]).sum::<f64>() / last.len() as f64;
    let test = outcome.test.expect("there are test images");
    println!("rate        {:.2} nats, of {BUDGET} that are allowed (mean of the last {} steps)", mean(0), last.len());
    println!("multiplier  {:.3}: the β of the β-VAE with this rate", mean(1));
    println!("distortion  {:.2} nats on the test images", test.loss);
    draw(&curves)?;
    println!("wrote constrained_vae.svg");
    Ok(())
}

fn draw(curves: &[[f64; 2]]) -> anyhow::Result<()> {
    let font = plotters::style::register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
    anyhow::ensure!(font.is_ok(), "the font is sound");
    let area = SVGBackend::new("constrained_vae.svg", (900, 600)).into_drawing_area();
    area.fill(&WHITE)?;
    let (upper, lower) = area.split_vertically(300);
    for (area, which, name, line) in [(upper, 0, "rate, nats per image", Some(BUDGET)), (lower, 1, "multiplier", None)]
    {
        let highest = curves.iter().map(|step| step[which]).fold(0.0, f64::max) * 1.05;
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d(0..curves.len(), 0.0..highest)?;
        chart.configure_mesh().x_desc("step").y_desc(name).light_line_style(WHITE).draw()?;
        let points = curves.iter().enumerate().map(|(step, values)| (step, values[which]));
        chart.draw_series(LineSeries::new(points, RGBColor(31, 119, 180).stroke_width(2)))?;
        if let Some(budget) = line {
            chart.draw_series(LineSeries::new(
                [(0, budget), (curves.len(), budget)],
                RGBColor(214, 39, 40).stroke_width(2),
            ))?;
        }
    }
    area.present()?;
    Ok(())
}
