//! `kiln embed` and `kiln score`: a row per image.

use crate::common::{Place, SMALL, number};

/// The header and the rows of a CSV file without quotes.
fn csv(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    (lines.next().unwrap(), lines.collect())
}

#[test]
fn embed_writes_the_code_of_every_image_in_three_formats() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 2 --out run"));
    let result = place.json_of("embed run --json");
    assert_eq!(
        (&result["images"], &result["latent_dim"], &result["output"]),
        (&1797.into(), &2.into(), &"run/embedding.csv".into())
    );
    let (header, rows) = csv(&place.text("run/embedding.csv"));
    assert_eq!(header, ["split", "row", "label", "z0", "z1"]);
    assert_eq!(rows.iter().filter(|row| row[0] == "test").count(), 359);
    // Digits of 32 bits: no more than nine are needed.
    assert!(
        rows.iter().all(|row| row[3].trim_start_matches('-').len() <= 14 && row[3].parse::<f32>().unwrap().is_finite())
    );

    place.ok("embed run --images test --output z.npy");
    let npy = place.read("z.npy");
    let end = npy.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    assert!(String::from_utf8_lossy(&npy[..end]).contains("'shape': (359, 2)"));
    let first = f32::from_le_bytes(npy[end..end + 4].try_into().unwrap());
    let of_csv = rows.iter().find(|row| row[0] == "test").unwrap()[3].parse::<f32>().unwrap();
    assert_eq!((npy.len() - end, first.to_bits()), (359 * 2 * 4, of_csv.to_bits()));

    place.ok("embed run --output z.parquet");
    let described = place.json_of("describe z.parquet --json");
    assert_eq!((&described["rows"], described["columns"].as_array().unwrap().len()), (&1797.into(), 5));

    place.refused("embed run --output z.npy", &["z.npy exists", "--force"]);
    place.refused("embed run --output z.txt", &["must end in .csv, .npy or .parquet"]);
    place.refused("embed run --data absent", &["absent"]);
}

#[test]
fn score_puts_what_is_not_a_digit_first() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 4 --out run"));
    // Twenty of Kiln's own digits, and one image of noise among them, as a table.
    let (header, digits) = {
        let result = place.json_of("describe digits --sheet digits.png --sheet-images 20 --json");
        assert_eq!(result["train"], 1797);
        let image = image::open(place.path("digits.png")).unwrap().into_luma8();
        // Five in a row, each 48 pixels wide with 2 between them.
        let pixel = |i: u32, x: u32, y: u32| image[((i % 5) * 50 + 2 + 6 * x + 3, (i / 5) * 50 + 2 + 6 * y + 3)].0[0];
        let row = |i: u32| (0..64).map(|p| (f64::from(pixel(i, p % 8, p / 8)) / 255.0).to_string()).collect::<Vec<_>>();
        ((0..64).map(|p| format!("p{p}")).collect::<Vec<_>>(), (0..20).map(row).collect::<Vec<_>>())
    };
    let noise: Vec<String> = (0..64u32).map(|p| (f64::from((p * 37 + 11) % 17) / 16.0).to_string()).collect();
    let mut lines = vec![header.join(",")];
    lines.extend(digits.iter().map(|row| row.join(",")));
    lines.insert(8, noise.join(","));
    place.write("images.csv", lines.join("\n"));
    let result = place.json_of("score run --data images.csv --output scores.csv --sheet sheet.png --json");
    assert_eq!(result["images"], 21);
    let (header, rows) = csv(&place.text("scores.csv"));
    assert_eq!(header, ["row", "log_likelihood", "elbo"]);
    assert_eq!(rows[0][0], "7", "the noise is in the line before the eighth digit");
    let bounds: Vec<[f64; 2]> = rows.iter().map(|row| [1, 2].map(|i| row[i].parse().unwrap())).collect();
    assert!(bounds.windows(2).all(|pair| pair[0][0] <= pair[1][0]) && bounds.iter().all(|[bound, elbo]| bound >= elbo));
    let mean = bounds.iter().map(|[bound, _]| bound).sum::<f64>() / 21.0;
    assert!((number(&result["mean_log_likelihood"]) - mean).abs() < 1e-3);
    assert_eq!(place.picture_size("sheet.png"), (5 * 50 + 2, 5 * 50 + 2));
    // The same images in another run of the command have the same scores.
    place.ok("score run --data images.csv --output again.csv");
    assert_eq!(place.text("again.csv"), place.text("scores.csv"));
    place.refused("score run --samples 0", &["samples", "at least 1"]);
}

#[test]
fn eval_says_more_of_classes_and_of_annealed_chains() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 2 --likelihood logistic --levels 17 --out run"));
    let result = place.json_of("eval run --samples 200 --images 20 --ais 20 --temperatures 40 --chains 8 --json");
    let classes = result["by_class"].as_array().unwrap();
    let sum = classes.iter().map(|class| number(&class["elbo"]) * number(&class["n"])).sum::<f64>();
    assert!((sum / 359.0 - number(&result["test"]["elbo"])).abs() < 0.5, "both are the mean ELBO, from other samples");
    let (nll, annealed) = (number(&result["marginal"]["nll"]), &result["annealed"]);
    let error = number(&annealed["sampling_error"]);
    assert!((number(&annealed["nll"]) - nll).abs() < 4.0 * error + 0.3, "{annealed} {nll}");
    let bits = number(&result["marginal_bits_per_dim"]);
    assert!((bits - nll / 64.0 / 2f64.ln()).abs() < 1e-9);
    assert!(number(&result["squared_error"]) > 0.0);
    place.refused("eval run --temperatures 10", &["--ais"]);
    place.ok("train logistic --standardize --l2 0.1 --out logistic");
    place.refused("eval logistic --ais 10", &["--ais is for a VAE only"]);
}

#[test]
fn flags_of_likelihoods_and_annealing_that_do_not_fit_are_refused() {
    let place = Place::new();
    let refused = |flags: &str, words: &[&str]| place.refused_to_start(&format!("{SMALL} {flags}"), words);
    refused("--scale-per-channel", &["--likelihood gaussian and logistic"]);
    refused("--levels 8", &["categorical and logistic"]);
    refused("--kl-cycles 3", &["--kl-warm-up"]);
    refused("--free-bits -1", &["free-bits", "not negative"]);
    refused("--objective iwae --free-bits 1", &["--objective elbo"]);
    place.refused_to_start("train vae --latent-dim 3,2 --free-bits 1", &["one layer of latent variables"]);
    place.refused_to_start("train vae --hidden-dim many", &["many", "none"]);
    // A run with all of them ends as it should, and goes on from its files.
    place.ok("train vae --latent-dim 2 --batch-size 128 --hidden-dim none --epochs 3 --kl-warm-up 1 --kl-cycles 2 --free-bits 0.1 --out run");
    assert_eq!(place.toml("run/config.toml")["model"]["hidden-dim"], toml::Value::Array(vec![]));
    place.ok("resume run --epochs 4");
    place.ok("sample run -n 4");
}
