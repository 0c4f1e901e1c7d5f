//! Public tables that were refused, or fitted wrongly, before (`tests/field`).

use std::path::Path;

use kiln_testkit::assert_close;

use crate::common::{Place, idx, number};

fn at(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/field").join(name).display().to_string()
}

/// A column of `coef.csv`.
fn column(place: &Place, run: &str, name: &str) -> Vec<f64> {
    let text = place.text(&format!("{run}/coef.csv"));
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let at = lines.next().unwrap().iter().position(|column| column == name).unwrap();
    lines.map(|cells| cells[at].parse().unwrap()).collect()
}

/// statsmodels 0.15, `smf.logit('survived ~ class + age + sex')`: five coefficients with the intercept last, by default settings.
#[test]
fn titanic_is_that_of_statsmodels() {
    let place = Place::new();
    place.ok(&format!("train logistic --data {} --target survived --out run", at("titanic.csv")));
    let coefficients = [
        -1.010_557_866_004_433_4,
        -1.766_371_544_656_462_7,
        1.055_607_824_352_852,
        2.369_464_910_528_404,
        -0.363_191_113_399_980_67,
    ];
    let errors = [
        0.194_934_810_326_702_65,
        0.170_717_357_955_343_68,
        0.242_656_088_962_882_74,
        0.145_251_210_541_025_4,
        0.136_131_601_049_315_74,
    ];
    let low = [
        -1.392_623_073_577_917_3,
        -2.100_971_417_784_769,
        0.580_010_629_356_254_5,
        2.084_777_769_157_149_4,
        -0.630_004_148_614_414_6,
    ];
    for (name, expected) in [("coef", coefficients), ("std_err", errors), ("low_95", low)] {
        assert_close(&column(&place, "run", name), &expected, 1e-10, 0.0, name);
    }
    let inference = &place.json("run/result.json")["inference"];
    assert_close(&[number(&inference["log_likelihood"])], &[-638.100_384_505_644], 1e-12, 0.0, "log-likelihood");
    place.ok("verify run");
}

/// A polynomial of degree eight: the solver ends at rounding errors, which is convergence.
#[test]
fn nearly_dependent_columns_converge() {
    let place = Place::new();
    for solver in ["newton", "trust-ncg"] {
        place.ok(&format!("train logistic --data {} --target y --solver {solver} --out {solver}", at("poly8.csv")));
        let inference = &place.json(&format!("{solver}/result.json"))["inference"];
        assert_close(&[number(&inference["log_likelihood"])], &[POLY8], 1e-10, 0.0, solver);
    }
}
/// Newton's method with 40 digits (mpmath).
const POLY8: f64 = -123.531_164_673_609_12;

/// 24 rows that stand for 4526 applications.
#[test]
fn weights_count_in_the_loss_of_the_training_rows() {
    let place = Place::new();
    let data = at("ucb_weighted_nll.csv");
    place.ok(&format!("train logistic --data {data} --target Admit --sample-weight Freq --out run"));
    let result = place.json("run/result.json");
    let found = [&result["train"]["nll"], &result["train"]["loss"], &result["fun"]].map(number);
    assert_close(&found, &[UCB; 3], 1e-9, 0.0, "mean negative log-likelihood");
}
/// statsmodels 0.15, `GLM(…, Binomial(), freq_weights=Freq)`: −llf / Σ Freq.
const UCB: f64 = 0.573_076_501_786_496_3;

/// A row of weight 2 counts as two rows, also in the scale of a column.
#[test]
fn weights_count_in_the_scales() {
    let place = Place::new();
    let text = std::fs::read_to_string(at("standardize_weights.csv")).unwrap();
    let mut lines = text.lines();
    let mut repeated = format!("{}\n", lines.next().unwrap());
    for line in lines {
        let weight: usize = line.rsplit(',').next().unwrap().parse().unwrap();
        repeated += &format!("{line}\n").repeat(weight);
    }
    place.write("repeated.csv", repeated);
    let train = "train logistic --target y --standardize --l2 0.1 --test-fraction 0 --gtol 1e-12";
    place.ok(&format!("{train} --data {} --sample-weight w --out weighted", at("standardize_weights.csv")));
    place.ok(&format!("{train} --data repeated.csv --drop w --out repeated"));
    let [weighted, repeated] = ["weighted", "repeated"].map(|run| column(&place, run, "coef"));
    assert_close(&weighted, &repeated, 1e-9, 0.0, "coefficients");
}

/// Each test row counts as often as its weight says, as in scikit-learn's measures with `sample_weight`.
#[test]
fn weights_count_in_the_scores_of_test_rows() {
    let place = Place::new();
    let data = at("standardize_weights.csv");
    let options = "--target y --l2 0.1 --test-fraction 0.4 --sample-weight w";
    place.ok(&format!("train logistic --data {data} {options} --out run"));
    place.ok(&format!("predict run --data {data} --output p.csv"));
    let read = |text: &str, column: &str| -> Vec<f64> {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let at = reader.headers().unwrap().iter().position(|name| name == column).unwrap();
        reader.records().map(|row| row.unwrap()[at].parse().unwrap()).collect()
    };
    let text = std::fs::read_to_string(&data).unwrap();
    let (y, w, p) = (read(&text, "y"), read(&text, "w"), read(&place.text("p.csv"), "p_1"));
    let targets: Vec<usize> = y.iter().map(|y| *y as usize).collect();
    let held_out = kiln::data::stratified_split(&targets, 0.4, 0).unwrap().test;
    let test: Vec<usize> = held_out.into_iter().filter(|row| w[*row] > 0.0).collect();
    let mean = |value: &dyn Fn(usize) -> f64, of: &dyn Fn(usize) -> bool| {
        let rows = test.iter().filter(|row| of(**row));
        let (sum, total) = rows.fold((0.0, 0.0), |(sum, total), row| (sum + w[*row] * value(*row), total + w[*row]));
        sum / total
    };
    let right = |row: usize| f64::from(u8::from((p[row] > 0.5) == (y[row] > 0.5)));
    let nll = |row: usize| -if y[row] > 0.5 { p[row].ln() } else { (1.0 - p[row]).ln() };
    let (all, positive, negative) = (|_: usize| true, |row: usize| y[row] > 0.5, |row: usize| y[row] < 0.5);
    // The probability that a positive row is above a negative one, both drawn by their weights.
    let above = |row: usize| mean(&|other| f64::from(u8::from(p[row] > p[other])), &negative);
    let expected = [
        mean(&right, &all),
        mean(&nll, &all),
        mean(&right, &all),
        0.5 * (mean(&right, &positive) + mean(&right, &negative)),
        mean(&|row| (p[row] - y[row]).powi(2), &all),
        mean(&above, &positive),
    ];
    let result = place.json("run/result.json");
    let (score, measures) = (&result["test"], &result["classification"]);
    let found = [
        &score["accuracy"],
        &score["nll"],
        &measures["accuracy"],
        &measures["balanced_accuracy"],
        &measures["brier"],
        &measures["auc"],
    ];
    assert_close(&found.map(number), &expected, 1e-12, 0.0, "weighted measures");
    assert_eq!((&score["n"], &measures["rows"]), (&test.len().into(), &"test".into()));
    let again = place.json_of("eval run --json");
    assert_close(&[number(&again["test"]["nll"])], &[expected[1]], 1e-12, 0.0, "eval");

    place.ok(&format!("train svm --data {data} --target y --sample-weight w --test-fraction 0.4 --out svm"));
    place.ok(&format!("predict svm --data {data} --output s.csv"));
    let decision = read(&place.text("s.csv"), "decision");
    let right = |row: usize| f64::from(u8::from((decision[row] > 0.0) == (y[row] > 0.5)));
    let found = number(&place.json("svm/result.json")["test"]["accuracy"]);
    assert_close(&[found], &[mean(&right, &all)], 1e-12, 0.0, "accuracy of the SVM");
}

/// Two rows of two classes (scikit-learn's issue 4648).
#[test]
fn two_rows_of_two_classes_are_enough() {
    let place = Place::new();
    let data = at("svm_two_rows_sklearn4648.csv");
    place.ok(&format!(
        "train svm --data {data} --target y --kernel linear --test-fraction 0 --standardize=false --out run"
    ));
    place.write("new.csv", "a,b\n1,99999\n2,99999\n");
    place.ok("predict run --data new.csv --output p.csv");
    let text = place.text("p.csv");
    let predicted: Vec<&str> = text.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(predicted, ["0", "1"]);
}

/// The certificate of something false: a direction along which nothing changes, made by hand.
#[test]
fn a_separation_without_a_strict_margin_is_rejected() {
    let place = Place::new();
    let rows: String = (0..30).map(|i| format!("{},{}\n", ["a", "b", "c"][i % 3], i * 7 % 11 % 2)).collect();
    place.write("t.csv", format!("group,y\n{rows}"));
    place.ok("train logistic --data t.csv --target y --coding one-hot --out run");
    let certificate = serde_json::json!({
        "kind": "separation", "features": ["group=a", "group=b", "group=c"], "classes": ["0", "1"],
        "weights": [0.5, 0.5, 0.5], "intercepts": [-0.5], "complete": false, "on_the_plane": 30,
    });
    place.write("run/certificate.json", certificate.to_string());
    assert!(place.exits(3, "verify run").stderr.contains("does not hold"));
}

/// One start of k-means often leads to a poor maximum. scikit-learn's best of 50 starts: −5.7478 nats per row.
#[test]
fn a_mixture_is_started_more_than_once() {
    let place = Place::new();
    let data = at("gmm_five_blobs.csv");
    for seed in 0..5 {
        place.ok(&format!("train gmm --data {data} --components 5 --test-fraction 0 --seed {seed} --out run --force"));
        let found = number(&place.json("run/result.json")["log_likelihood"]);
        assert_close(&[found], &[-5.7478], 0.0, 5e-5, "log-likelihood");
    }
    let one =
        place.json_of(&format!("train gmm --data {data} --components 5 --test-fraction 0 --n-init 1 --json --out one"));
    assert!(number(&one["log_likelihood"]) < -5.8, "this file needs more than one start");
}

/// A model with one feature and an intercept: the rank of a low-rank guide, which is not used, does not refuse it.
#[test]
fn a_posterior_of_one_predictor_is_approximated() {
    let place = Place::new();
    for guide in ["mean-field", "full-rank", "laplace", "low-rank"] {
        let steps = if guide == "laplace" { "" } else { "--steps 50" };
        place.ok(&format!("vi logistic --data {} --target am --guide {guide} {steps}", at("vi_one_feature.csv")));
    }
}

/// Columns in raw units, of which one is a hundred times the other: the weak direction of the posterior takes a long time. The mean
/// of `wt` is −7.12 with standard deviation 2.02, from 2 million importance samples in NumPy; for the mean-field guide −6.93.
#[test]
fn a_posterior_in_raw_units_is_right_or_not_converged() {
    let place = Place::new();
    let vi = format!(
        "vi logistic --data {} --target am --standardize=false --prior-scale 10 --json",
        at("vi_raw_mtcars.csv")
    );
    let wt = |json: &serde_json::Value| number(&json["parameters"][0]["mean"]);
    for guide in ["mean-field", "full-rank", "low-rank"] {
        let json = place.json_of(&format!("{vi} --guide {guide}"));
        assert_eq!(json["status"], "completed", "{guide}");
        assert!((wt(&json) + 7.12).abs() < 0.3, "{guide}: {json}");
    }
    // Too few steps are told, in the result too.
    let done = place.exits(3, &format!("{vi} --guide mean-field --steps 20"));
    let json: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    let message = json["message"].as_str().unwrap();
    assert_eq!(json["status"], "not-converged");
    for part in ["not converged", "the mean of", "--steps (now 20)"] {
        assert!(message.contains(part) && done.stderr.contains(part), "{message}\n{}", done.stderr);
    }
}

/// Ten images. After 100 epochs PyTorch has −682.6 with Adam's constant learning rate of 0.001.
#[test]
fn a_vae_on_ten_images_learns_in_all_epochs() {
    let place = Place::new();
    let train = format!("train vae --data {} --likelihood gaussian --epochs 100", at("idx_ten"));
    place.ok(&format!("{train} --out run"));
    let found = number(&place.json("run/result.json")["test"]["elbo"]);
    assert!(found > -682.6, "{found}");
    let lr = |run: &str| -> Vec<f64> { place.metrics(run).iter().map(|line| number(&line["lr"])).collect() };
    // It falls until the end.
    assert!(lr("run").is_sorted_by(|a, b| a >= b) && lr("run")[100] > 0.4 * lr("run")[0], "{:?}", lr("run"));
}

/// Constant images: the likelihood has no upper bound, and the standard deviation of a pixel falls for ever.
#[test]
fn a_vae_on_constant_images_learns_their_small_deviation() {
    let place = Place::new();
    for (part, count) in [("train", 50), ("t10k", 10)] {
        place.write(
            &format!("black/{part}-images-idx3-ubyte"),
            idx(&[0x803, count, 8, 8], &vec![0; 64 * count as usize]),
        );
        place.write(&format!("black/{part}-labels-idx1-ubyte"), idx(&[0x801, count], &vec![0; count as usize]));
    }
    place.ok("train vae --data black --likelihood gaussian --epochs 100 --out run");
    let found = number(&place.json("run/result.json")["test"]["elbo"]);
    // With a constant learning rate of 0.001, from a standard deviation of 1: 24.5.
    assert!(found > 24.5, "{found}");
}
