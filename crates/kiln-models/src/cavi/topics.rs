//! Latent Dirichlet allocation.

use burn::tensor::{DType, Device, Tensor, TensorData};
use kiln_tensor::{
    Stream,
    special::{digamma, ln_gamma},
};

use super::{CaviError, CoordinateAscent};

/// Latent Dirichlet allocation, a topic model of word counts.
///
/// Each document has topic shares θ ~ Dirichlet(α) and each topic has word probabilities β ~ Dirichlet(η). Each word has a topic
/// drawn from θ and is drawn from that topic's β. The approximate posterior is q(z)·Π q(θ)·Π q(β).
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_models::cavi::{Sweeps, TopicModel, ascend};
///
/// // Words 0 and 1 occur together, and so do words 2 and 3.
/// let counts = [[4.0, 3.0, 0.0, 0.0], [5.0, 4.0, 0.0, 1.0], [0.0, 0.0, 6.0, 4.0], [1.0, 0.0, 5.0, 5.0]];
/// let counts = Tensor::<2>::from_data(counts, &Device::default());
/// let fit = ascend(&TopicModel::new(counts, 2)?, &Sweeps { tol: 1e-5, ..Sweeps::default() })?;
/// let shares = fit.posterior.document_topics().into_data().try_into_vec_as::<f32>().unwrap();
/// let same = |a: usize, b: usize| (shares[2 * a] > 0.5) == (shares[2 * b] > 0.5);
/// assert!(same(0, 1) && same(2, 3) && !same(0, 2));
/// # Ok::<(), kiln_models::cavi::CaviError>(())
/// ```
///
/// # References
/// Blei, Ng and Jordan (2003), *Latent Dirichlet allocation*, section 5.4.
#[derive(Clone, Debug)]
pub struct TopicModel {
    counts: Tensor<2>,
    topics: usize,
    document_prior: f64,
    word_prior: f64,
    start: Option<Tensor<2>>,
    seed: u64,
}

/// The approximate posterior of a [`TopicModel`].
#[derive(Clone, Debug)]
pub struct TopicPosterior {
    /// The Dirichlet parameters γ of θ, `[documents, topics]`.
    gamma: Tensor<2>,
    /// The Dirichlet parameters λ of β, `[topics, words]`.
    lambda: Tensor<2>,
}

impl TopicPosterior {
    /// Returns the Dirichlet parameters γ of the documents' topics, `[documents, topics]`.
    pub fn gamma(&self) -> Tensor<2> {
        self.gamma.clone()
    }

    /// Returns the Dirichlet parameters λ of the topics' words, `[topics, words]`.
    pub fn lambda(&self) -> Tensor<2> {
        self.lambda.clone()
    }

    /// Returns the expected topic shares E θ, `[documents, topics]`.
    pub fn document_topics(&self) -> Tensor<2> {
        self.gamma.clone() / self.gamma.clone().sum_dim(1)
    }

    /// Returns the expected word probabilities E β, `[topics, words]`.
    pub fn topic_words(&self) -> Tensor<2> {
        self.lambda.clone() / self.lambda.clone().sum_dim(1)
    }
}

impl TopicModel {
    /// Builds the model from word counts `[documents, words]` and a number of topics. α and η are 1/topics, as in scikit-learn.
    ///
    /// # Errors
    /// Returns [`CaviError`] if there are no documents, words or topics, or if a count is negative or not finite.
    pub fn new(counts: Tensor<2>, topics: usize) -> Result<Self, CaviError> {
        let counts = counts.without_autodiff();
        let [documents, words] = counts.dims();
        if documents == 0 || words == 0 || topics == 0 {
            let what = format!(
                "expected at least one document, word and topic, but the counts have shape [{documents}, {words}] with {topics} topics"
            );
            return Err(CaviError::Shape { what });
        }
        let numbers: Vec<f64> = counts.to_data().try_into_vec_as().expect("a float tensor converts to f64");
        if numbers.iter().any(|c| !c.is_finite() || *c < 0.0) {
            return Err(CaviError::Data("the counts"));
        }
        #[allow(clippy::cast_precision_loss, reason = "a number of topics")]
        let prior = (topics as f64).recip();
        Ok(Self { counts, topics, document_prior: prior, word_prior: prior, start: None, seed: 0 })
    }

    /// Sets the concentrations α of documents and η of words, both positive. Default 1/topics.
    ///
    /// # Errors
    /// Returns [`CaviError::Setting`] if one is not positive and finite.
    pub fn priors(self, document: f64, word: f64) -> Result<Self, CaviError> {
        if !(document.is_finite() && document > 0.0 && word.is_finite() && word > 0.0) {
            return Err(CaviError::Setting { name: "priors", expected: "positive and finite" });
        }
        Ok(Self { document_prior: document, word_prior: word, ..self })
    }

    /// Sets the λ `[topics, words]` to start from, all positive, instead of draws from Gamma(100, 100).
    ///
    /// # Errors
    /// Returns [`CaviError::Shape`] if the shape is another, and [`CaviError::Data`] if a value is not positive and finite.
    pub fn start_from(self, lambda: Tensor<2>) -> Result<Self, CaviError> {
        let wanted = [self.topics, self.counts.dims()[1]];
        if lambda.dims() != wanted {
            let what = format!("λ must have shape {wanted:?}, not {:?}", lambda.dims());
            return Err(CaviError::Shape { what });
        }
        let lambda = lambda.without_autodiff();
        let numbers: Vec<f64> = lambda.to_data().try_into_vec_as().expect("a float tensor converts to f64");
        if !numbers.iter().all(|x| x.is_finite() && *x > 0.0) {
            return Err(CaviError::Data("λ"));
        }
        Ok(Self { start: Some(lambda), ..self })
    }

    /// Sets the seed of the random start. Default 0.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Returns the normaliser of q(z), Σₖ exp(E ln θ + E ln β), for each document and word, `[documents, words]`.
    fn normalisers(gamma: &Tensor<2>, lambda: &Tensor<2>) -> Tensor<2> {
        // The tiny number avoids 0/0 for a word that no topic has.
        expected_log(gamma).exp().matmul(expected_log(lambda).exp()) + f64::from(f32::MIN_POSITIVE)
    }
}

/// Returns E ln of a Dirichlet vector per row.
fn expected_log(parameters: &Tensor<2>) -> Tensor<2> {
    digamma(parameters.clone()) - digamma(parameters.clone().sum_dim(1))
}

/// Returns Σ KL(Dirichlet(row) ‖ Dirichlet(prior)) over the rows.
fn divergence(parameters: &Tensor<2>, prior: f64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a number of categories")]
    let k = parameters.dims()[1] as f64;
    #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
    let rows = parameters.dims()[0] as f64;
    let host = kiln_tensor::special::host::ln_gamma;
    let each = (parameters.clone() - prior) * expected_log(parameters) - ln_gamma(parameters.clone());
    let all = each.sum() + ln_gamma(parameters.clone().sum_dim(1)).sum();
    all.into_scalar::<f64>() + rows * (k * host(prior) - host(k * prior))
}

impl CoordinateAscent for TopicModel {
    type Posterior = TopicPosterior;

    fn start(&self) -> Result<TopicPosterior, CaviError> {
        let ([documents, words], device, dtype): (_, Device, DType) =
            (self.counts.dims(), self.counts.device(), self.counts.dtype());
        let lambda = self.start.clone().unwrap_or_else(|| {
            // A sum of a hundred exponential draws is a draw from Gamma(100, 1).
            let mut stream = Stream::new(self.seed, "topics", 0, 0);
            let mut draw = || (0..100).map(|_| -(1.0 - stream.next_f64()).ln()).sum::<f64>() / 100.0;
            let lambda: Vec<f64> = (0..self.topics * words).map(|_| draw()).collect();
            Tensor::from_data(TensorData::new(lambda, [self.topics, words]), (&device, dtype))
        });
        let gamma = Tensor::<2>::ones([documents, self.topics], (&device, dtype));
        Ok(TopicPosterior { gamma, lambda })
    }

    /// Updates γ, then λ, each with the optimal q(z).
    fn sweep(&self, q: &TopicPosterior) -> Result<TopicPosterior, CaviError> {
        let of_topics = expected_log(&q.lambda).exp();
        let ratio = self.counts.clone() / Self::normalisers(&q.gamma, &q.lambda);
        let gamma = expected_log(&q.gamma).exp() * ratio.matmul(of_topics.clone().transpose()) + self.document_prior;
        let ratio = self.counts.clone() / Self::normalisers(&gamma, &q.lambda);
        let lambda = of_topics * expected_log(&gamma).exp().transpose().matmul(ratio) + self.word_prior;
        Ok(TopicPosterior { gamma, lambda })
    }

    fn elbo(&self, q: &TopicPosterior) -> f64 {
        let of_words = (self.counts.clone() * Self::normalisers(&q.gamma, &q.lambda).log()).sum().into_scalar::<f64>();
        of_words - divergence(&q.gamma, self.document_prior) - divergence(&q.lambda, self.word_prior)
    }

    fn rounding(&self) -> f64 {
        if self.counts.dtype() == DType::F64 { 1e-10 } else { 1e-4 }
    }
}
