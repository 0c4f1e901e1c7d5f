//! Importance sampling of the marginal likelihood, on a model whose evidence is known.

use kiln::{
    burn::module::Param,
    data::Dataset,
    dist::LatentVariableModel,
    prelude::*,
    train::{TrainError, marginal_likelihood},
};
use kiln_testkit::{assert_close, f64_device, tensor};

/// z ~ N(0, 1), x = a·z + s·ε: x ~ N(0, a² + s²), and the posterior is N(a·x/(a² + s²), s²/(a² + s²)), here wrong by a factor of the
/// scale.
#[derive(Module, Debug)]
struct Line {
    slope: Param<Tensor<1>>,
    noise: f64,
    wrong: f64,
}

impl Line {
    fn new(wrong: f64) -> Self {
        Self { slope: Param::from_tensor(tensor(&[1.3], [1], &f64_device())), noise: 0.6, wrong }
    }

    fn variance(&self) -> f64 {
        1.3f64.powi(2) + self.noise.powi(2)
    }
}

impl LatentVariableModel for Line {
    type Posterior = Normal<2>;
    type Likelihood = Normal<2>;

    fn posterior(&self, x: Tensor<2>) -> Normal<2> {
        let scale = self.noise / self.variance().sqrt() * self.wrong;
        Normal::new(x.clone() * (1.3 / self.variance()), x.full_like(scale)).unwrap()
    }

    fn likelihood(&self, z: Tensor<2>) -> Normal<2> {
        Normal::new(z.clone() * self.slope.val().reshape([1, 1]), z.full_like(self.noise)).unwrap()
    }

    fn encode(&self, x: Tensor<2>) -> Tensor<2> {
        x * (1.3 / self.variance())
    }

    fn kl_to_prior(&self, posterior: &Normal<2>) -> Option<Tensor<1>> {
        Some(posterior.kl_to_standard_per_example())
    }
}

/// Numbers as a dataset of vectors of one.
struct Numbers(Vec<f64>);

impl Dataset for Numbers {
    type Batch = Tensor<2>;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn batch(&self, rows: &[usize], _: &Device) -> Tensor<2> {
        let numbers: Vec<f64> = rows.iter().map(|&row| self.0[row]).collect();
        tensor(&numbers, [rows.len(), 1], &f64_device())
    }
}

#[test]
fn the_evidence_is_found() {
    let data = Numbers((0..120).map(|i| f64::from((i * 37) % 61) / 15.0 - 2.0).collect());
    let exact = |line: &Line, n: usize| {
        let v = line.variance();
        data.0[..n].iter().map(|x| 0.5 * (x * x / v + (2.0 * std::f64::consts::PI * v).ln())).sum::<f64>() / n as f64
    };
    // With the exact posterior every weight is p(x), and every bound the evidence.
    let line = Line::new(1.0);
    let found = marginal_likelihood(&line, &data, (1000, 60), &[1, 5, 50], 0).unwrap();
    assert_eq!((found.examples, found.samples, found.latent_dim, found.active_units), (120, 60, 1, 1));
    assert_close(&[found.nll], &[exact(&line, 120)], 1e-12, 0.0, "exact posterior");
    for bound in &found.bounds {
        assert_close(&[-bound.bound], &[exact(&line, 120)], 1e-12, 0.0, &format!("k = {}", bound.k));
    }
    // With a posterior that is too wide bounds rise with k towards the evidence.
    let line = Line::new(1.7);
    let found = marginal_likelihood(&line, &data, (70, 4000), &[1, 5, 50, 5000], 0).unwrap();
    assert_eq!(
        found.bounds.iter().map(|b| b.k).collect::<Vec<_>>(),
        [1, 5, 50],
        "no bound of more samples than there are"
    );
    let bounds: Vec<f64> = found.bounds.iter().map(|b| b.bound).collect();
    assert!(bounds.is_sorted() && bounds[0] < bounds[1] - 0.1, "{bounds:?}");
    // Weights vary by about their size: 4000 of them by 2% an example, 70 examples by 0.2%.
    assert_close(&[found.nll], &[exact(&line, 70)], 0.0, 0.01, "by 4000 samples");
    // The ELBO of the wrong posterior in closed form: KL(q ‖ p) below the evidence.
    let kl = 0.5 * (1.7f64.powi(2) - 1.0) - 1.7f64.ln();
    assert_close(&[bounds[0]], &[-exact(&line, 70) - kl], 0.0, 0.01, "k = 1 is the ELBO");
    let again = marginal_likelihood(&line, &data, (70, 4000), &[1, 5, 50], 0).unwrap();
    assert_eq!(found, again, "the same key, the same numbers");
    assert!(matches!(marginal_likelihood(&line, &Numbers(vec![]), (10, 10), &[1], 0), Err(TrainError::Empty)));
}
