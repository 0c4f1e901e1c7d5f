//! `kiln report` and `kiln compare`.

use crate::common::{Place, SMALL, TABLE, number};

/// Nothing of the page is anywhere else: no address, no file.
#[track_caller]
fn is_whole(html: &str) {
    assert!(html.starts_with("<!doctype html>") && html.trim_end().ends_with("</html>"));
    let without_namespace = html.replace("http://www.w3.org/2000/svg", "");
    for word in ["http:", "https:", "url(", "@import", "<link", "<iframe", "src=\"/", "src=\".", "fetch("] {
        assert!(!without_namespace.contains(word), "{word}");
    }
    for (open, close) in
        [("<section", "</section>"), ("<table", "</table>"), ("<svg", "</svg>"), ("<figure", "</figure>")]
    {
        assert_eq!(html.matches(open).count(), html.matches(close).count(), "{open}");
    }
}

#[test]
fn the_report_of_a_vae_shows_what_it_learned() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 3 --log-every 5 --tensorboard --out run"));
    let names =
        std::fs::read_dir(place.path("run")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.starts_with("events.out.tfevents.")).count(), 1);
    let result = place.json_of("report run --json");
    assert_eq!(result["output"], "run/report.html");
    let html = place.text("run/report.html");
    is_whole(&html);
    for title in [
        "Training",
        "Samples",
        "Reconstructions",
        "Latent space",
        "Calibration of the pixels",
        "Settings",
        "How to repeat it",
    ] {
        assert!(html.contains(&format!("<h2>{title}</h2>")), "{title}");
    }
    assert!(html.matches("<svg").count() >= 6 && html.matches("data:image/png;base64,").count() == 4);
    // It is replaced without being asked for in the run's folder, and nowhere else.
    place.ok("report run --output other.html");
    place.ok("report run");
    place.refused("report run --output other.html", &["other.html exists", "--force"]);
    place.ok(&format!("{SMALL} --epochs 1 --out run --force"));
    assert!(!place.exists("run/report.html"), "it was of the run that was replaced");
    place.refused("report nothing", &["nothing", "is not a run"]);
}

#[test]
fn runs_that_did_not_end_well_have_reports() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 1 --test-fraction 0 --out untested"));
    place.ok("report untested");
    is_whole(&place.text("untested/report.html"));
    assert!(place.text("untested/report.html").contains("Training images, and their reconstructions"));

    place.exits(4, &format!("{SMALL} --epochs 1 --optimizer sgd --lr 1e30 --out diverged"));
    let result = place.json_of("report diverged --json");
    let warnings = result["warnings"].to_string();
    assert!(warnings.contains("diverged") && warnings.contains("nothing of the model"), "{warnings}");
    is_whole(&place.text("diverged/report.html"));

    let mut running = place.start(&format!("{SMALL} --epochs 100000 --out stopped"));
    running.wait_until("it has a checkpoint", || place.exists("stopped/checkpoints"));
    running.signal("-INT");
    running.wait();
    place.ok("report stopped");
    let html = place.text("stopped/report.html");
    is_whole(&html);
    assert!(html.contains("was interrupted") && html.contains("kiln resume stopped"));

    // Data that are gone leave the samples.
    let rows: String = (0..30).map(|i| format!("{},{},0,1\n", i % 2, (i + 1) % 2)).collect();
    place.write("images.csv", format!("a,b,c,d\n{rows}"));
    place.ok("train vae --data images.csv --hidden-dim 4 --latent-dim 2 --epochs 1 --out moved");
    std::fs::remove_file(place.path("images.csv")).unwrap();
    place.ok("report moved");
    let html = place.text("moved/report.html");
    assert!(html.contains("The data could not be read") && html.matches("data:image/png").count() == 1);
}

#[test]
fn tables_have_reports_with_their_coefficients() {
    let place = Place::new();
    place.write("table.csv", TABLE);
    for (model, found) in
        [("logistic", "coef.csv"), ("glm", "coef.csv"), ("svm", "support.csv"), ("gmm", "components.csv")]
    {
        let target = match model {
            "gmm" => "--drop y",
            "glm" => "--target x",
            _ => "--target y",
        };
        let done = place.run(&format!("train {model} --data table.csv {target} --out {model}"));
        assert!(matches!(done.code, Some(0 | 3)), "{}", done.stderr);
        place.ok(&format!("report {model}"));
        let html = place.text(&format!("{model}/report.html"));
        is_whole(&html);
        assert!(html.contains(&format!("<caption>{found}</caption>")), "{model}");
    }
}

#[test]
fn runs_on_the_same_test_images_are_compared_image_by_image() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 1 --out a"));
    place.ok(&format!("{SMALL} --epochs 6 --out b"));
    place.ok(&format!("{SMALL} --epochs 1 --seed 1 --out c"));
    let result = place.json_of("compare a b c --plot curves.svg --json");
    let differences = result["differences"].as_array().unwrap();
    assert_eq!(differences.len(), 1, "another seed holds out other images: {result}");
    let (mean, error) = (number(&differences[0]["mean"]), number(&differences[0]["standard_error"]));
    let of = |run: &str| -number(&place.json(&format!("{run}/result.json"))["test"]["elbo"]);
    // Both have the noise of their samples.
    assert!((mean - (of("b") - of("a"))).abs() < 0.3 && error > 0.0 && error < 1.0, "{mean} ± {error}");
    assert!(result["notes"].to_string().contains("other test examples"));
    assert!(place.text("curves.svg").starts_with("<svg"));
    let text = place.ok("compare a b").stdout;
    assert!(text.contains("epochs") && text.contains("b − a: -"), "{text}");
    place.ok("report a b --output both.html");
    let html = place.text("both.html");
    is_whole(&html);
    assert!(html.contains("Settings in which the runs differ") && html.contains("<h2>Differences</h2>"));
    place.refused("report a b", &["--output"]);
    place.refused("compare a", &["RUN"]);
    place.refused("compare a b --plot curves.svg", &["curves.svg exists"]);
}

#[test]
fn a_posterior_has_a_report() {
    let place = Place::new();
    place.ok("vi eight-schools --steps 300 --draws 500 --out posterior");
    let result = place.json_of("report posterior --json");
    assert_eq!(result["output"], "posterior/report.html");
    let html = place.text("posterior/report.html");
    is_whole(&html);
    for title in ["Posterior", "Marginal distributions", "Fit", "All results", "How to repeat it"] {
        assert!(html.contains(&format!("<h2>{title}</h2>")), "{title}");
    }
    for word in ["theta_A", "vi eight-schools --steps 300", "97.5%", "eight-schools, guide full-rank"] {
        assert!(html.contains(word), "{word}");
    }
    // Ten parameters, their intervals, and the bound.
    assert_eq!(html.matches("<svg").count(), 12);
    // A point has neither draws nor a spread.
    place.ok("vi eight-schools --guide delta --out mode");
    place.ok("report mode");
    is_whole(&place.text("mode/report.html"));
    // Half of the files.
    place.write("posterior/diagnostics.json", "{");
    place.ok("report posterior");
    assert!(place.text("posterior/report.html").contains("diagnostics.json"));
    place.write("posterior/posterior.json", "[");
    place.refused("report posterior", &["posterior.json", "cannot be read"]);
}
