//! What logistic and softmax regression have in common, and their tables of results.

use kiln::{
    burn::tensor::Tensor,
    data::Encoder,
    dist::{Bernoulli, Categorical, ConditionalModel, Distribution},
    models::{Coefficient, Inference, LogisticRegression, SoftmaxRegression},
};

use crate::{
    failure::{Failure, Result},
    machine::Machine,
};

/// What both regressions have in common.
pub(crate) trait Regression: ConditionalModel<Output: Distribution<2> + Clone> {
    fn init(features: usize, classes: usize, machine: &Machine) -> Self;
    /// Weights, a column for each row of `coef.csv`'s classes, and intercepts.
    fn weights(&self) -> (Tensor<2>, Tensor<1>);
    /// p of every class, `[n, k]`.
    fn probabilities(output: &Self::Output) -> Tensor<2>;
}

impl Regression for LogisticRegression {
    fn init(features: usize, _classes: usize, machine: &Machine) -> Self {
        Self::new(features, &machine.device.clone().autodiff())
    }

    fn weights(&self) -> (Tensor<2>, Tensor<1>) {
        self.coefficients()
    }

    fn probabilities(output: &Bernoulli<2>) -> Tensor<2> {
        // 1 − p from the opposite logit, which is exact where p is close to 1.
        Tensor::cat(vec![Bernoulli::from_logits(-output.logits()).probs(), output.probs()], 1)
    }
}

impl Regression for SoftmaxRegression {
    fn init(features: usize, classes: usize, machine: &Machine) -> Self {
        Self::new(features, classes, &machine.device.clone().autodiff())
    }

    fn weights(&self) -> (Tensor<2>, Tensor<1>) {
        self.coefficients()
    }

    fn probabilities(output: &Categorical<2>) -> Tensor<2> {
        output.probs()
    }
}

/// Runs an expression with `$model` as the type of the regression for that many classes.
macro_rules! with_model {
    ($classes:expr, $model:ident => $run:expr) => {
        if $classes == 2 {
            type $model = LogisticRegression;
            $run
        } else {
            type $model = SoftmaxRegression;
            $run
        }
    };
}

/// `coef.csv`: a row for each class and feature, and the intercept. `coef` is in the scale of the encoder's output,
/// `coef_raw` in that of the data as it came. For a maximum likelihood fit of two classes what there is to say of `coef`
/// follows.
pub(crate) fn coefficient_table<M: Regression>(
    model: &M,
    encoder: &Encoder,
    inference: Option<&Inference>,
) -> Result<Vec<u8>> {
    let (weights, intercepts) = model.weights();
    let columns = intercepts.dims()[0];
    let (weights, intercepts) =
        (crate::to_vec(weights.without_autodiff()), crate::to_vec(intercepts.without_autodiff()));
    let (names, scaling) = (encoder.feature_names(), encoder.scaling());
    let classes = encoder.class_names();
    // A logistic model has one column, the log-odds of the second class.
    let classes = &classes[classes.len() - columns..];
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Of more classes the differences to the first are tested, which are in summary.txt and result.json.
    let tests = inference.filter(|_| columns == 1).map(|inference| &inference.coefficients);
    let mut write = |row: [&str; 4], test: Option<[String; 5]>| {
        writer.write_record(row.into_iter().chain(test.iter().flatten().map(String::as_str))).map_err(Failure::internal)
    };
    let test = |index: usize| {
        tests.map(|tests| {
            let Coefficient { standard_error, z, p, interval: [low, high], .. } = tests[index];
            [standard_error, z, p, low, high].map(|number| number.to_string())
        })
    };
    let names_of_tests = ["std_err", "z", "p", "low_95", "high_95"].map(str::to_owned);
    write(["class", "name", "coef", "coef_raw"], tests.map(|_| names_of_tests))?;
    for (column, class) in classes.iter().enumerate() {
        let mut raw_intercept = intercepts[column];
        for (feature, name) in names.iter().enumerate() {
            let ((mean, scale), coef) = (scaling[feature], weights[feature * columns + column]);
            // A penalty's zeros have signs.
            let coef = coef + 0.0;
            raw_intercept -= coef * mean / scale;
            write([class, name, &coef.to_string(), &(coef / scale).to_string()], test(feature))?;
        }
        let intercept = intercepts[column].to_string();
        write([class, "(intercept)", &intercept, &raw_intercept.to_string()], test(names.len()))?;
    }
    writer.into_inner().map_err(Failure::internal)
}

pub(crate) use with_model;
