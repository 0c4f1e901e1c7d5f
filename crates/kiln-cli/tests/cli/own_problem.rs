//! `kiln solve FILE.toml`: problems of the user's own.

use kiln_testkit::assert_close;
use serde_json::Value;

use crate::common::{Place, number};

/// Ten problems as a new user writes them, with their minima by hand.
const PROBLEMS: [(&str, &str, f64); 10] = [
    ("valley", "minimize = \"100*(y - x^2)^2 + (1 - x)^2\"\n[variables]\nx = -1.2\ny = 1", 0.0),
    (
        "portfolio",
        "minimize = 'w @ S @ w'\n[variables]\nw = { size = 2, start = 0.5, lower = 0, upper = 1 }\n[parameters]\n\
         S = [[0.04, 0.01], [0.01, 0.09]]\n[constraints]\nbudget = 'sum(w) == 1'",
        // (0.04·0.09 − 0.01²)/(0.04 + 0.09 − 0.02).
        0.0035 / 0.11,
    ),
    (
        "box",
        "maximize = 'x*y*z'\n[variables]\nx = { start = 0.5, lower = 0 }\ny = { start = 0.5, lower = 0 }\n\
         z = { start = 0.5, lower = 0 }\n[constraints]\nsurface = '2*(x*y + y*z + z*x) <= 6'",
        1.0,
    ),
    (
        "likelihood",
        "maximize = 'sum(k*log(p))'\n[variables]\np = { size = 2, start = 0.5, lower = 1e-9, upper = 1 }\n[parameters]\n\
         k = [3, 1]\n[constraints]\ntotal = 'sum(p) == 1'",
        // 3·ln ¾ + ln ¼.
        -2.249_340_578_475_233_5,
    ),
    ("bounds", "minimize = '(x - 3)^2 + y'\n[variables]\nx = { upper = 2 }\ny = { start = 0.5, lower = 0.25 }", 1.25),
    ("disc", "minimize = 'x + y'\n[variables]\nx = -1\ny = -0.5\n[constraints]\ndisc = 'x^2 + y^2 <= 2'", -2.0),
    (
        "distance",
        "minimize = 'norm(v - c)'\n[variables]\nv = [0.1, 0.2]\n[parameters]\nc = [3, 4]\n[constraints]\n\
         disc = 'dot(v, v) <= 1'",
        4.0,
    ),
    ("chain", "minimize = '(x - 5)^2'\n[variables]\nx = 0\n[constraints]\nrange = '0 <= x <= 2'", 9.0),
    (
        "entropy",
        "maximize = '-sum(p*log(p))'\n[variables]\np = { start = [0.5, 0.2, 0.3], lower = 1e-9 }\n[constraints]\n\
         total = 'sum(p) == 1'",
        // ln 3.
        1.098_612_288_668_109_8,
    ),
    ("waves", "minimize = 'sin(x) + cos(y)'\n[variables]\nx = -1\ny = 3", -2.0),
];

#[test]
fn ten_problems_of_a_new_user_are_solved() {
    let place = Place::new();
    for (name, text, minimum) in PROBLEMS {
        let file = format!("{name}.toml");
        place.write(&file, text);
        let found = place.json_of(&format!("solve {file} --json"));
        assert_close(&[number(&found["fun"])], &[minimum], 1e-7, 1e-9, name);
        assert!(found["variables"].is_object(), "{found}");
        place.ok(&format!("solve {file} --certificate {name}.json"));
        let verdict = place.json_of(&format!("verify {name}.json --json"));
        assert_eq!(verdict["proves"], "strict-local-minimum", "{name}: {verdict}");
    }
    let found = place.json_of("solve portfolio.toml --json");
    let w: Vec<f64> = found["variables"]["w"].as_array().unwrap().iter().map(number).collect();
    assert_close(&w, &[8.0 / 11.0, 3.0 / 11.0], 1e-8, 0.0, "the weights");
    for solver in ["newton", "trust-ncg", "bfgs"] {
        let found = place.json_of(&format!("solve valley.toml --solver {solver} --json"));
        assert_close(&[number(&found["variables"]["x"])], &[1.0], 1e-6, 0.0, solver);
    }
    let found = place.json_of("solve disc.toml --method augmented-lagrangian --json");
    assert_close(&[number(&found["fun"])], &[-2.0], 1e-7, 0.0, "by multipliers");
}

/// The certificate has the text of the problem, so that its file is not needed.
#[test]
fn a_certificate_is_of_the_text_that_it_holds() {
    let place = Place::new();
    place.write("p.toml", PROBLEMS[5].1);
    place.ok("solve p.toml --certificate p.json");
    std::fs::remove_file(place.path("p.toml")).unwrap();
    place.ok("verify p.json");
    let mut certificate: Value = place.json("p.json");
    let changed = certificate["source"].as_str().unwrap().replace("<= 2", "<= 3");
    certificate["source"] = changed.into();
    place.write("changed.json", certificate.to_string());
    place.exits(3, "verify changed.json");
}

#[test]
fn a_point_that_is_no_minimum_is_called_what_it_is() {
    let place = Place::new();
    place.write("saddle.toml", "minimize = 'x^2 - y^2 + y^4/4'\n[variables]\nx = 1\ny = 0");
    let failed = place.exits(3, "solve saddle.toml --certificate s.json");
    assert!(failed.stdout.contains("stationary-not-minimum"), "{}", failed.stdout);
    assert!(!place.exists("s.json"));
    let found = place.json_of("solve saddle.toml --solver trust-ncg --json");
    assert_close(&[number(&found["fun"])], &[-1.0], 1e-9, 0.0, "a minimum at y² = 2");
    place.ok("solve saddle.toml --check-minimum=false");
    // The classic one: the gradient of Beale's function is 0 at (0, 1).
    let failed = place.exits(3, "solve beale --x0 0,1 --solver bfgs");
    assert!(failed.stdout.contains("stationary-not-minimum"), "{}", failed.stdout);
    for solver in ["newton", "trust-ncg"] {
        let found = place.json_of(&format!("solve beale --x0 0,1 --solver {solver} --json"));
        let x: Vec<f64> = found["x"].as_array().unwrap().iter().map(number).collect();
        assert_close(&x, &[3.0, 0.5], 1e-6, 0.0, solver);
    }
}

#[test]
fn mistakes_are_refused_with_their_place() {
    let place = Place::new();
    for (text, words) in [
        (
            "minimize = 'x + z'\n[variables]\nx = 3",
            vec!["p.toml", "the objective, character 5", "'z' is not defined", "x, pi, e"],
        ),
        ("minimize = 'x + * 2'\n[variables]\nx = 3", vec!["the objective, character 5", "found '*'"]),
        ("minimize = 'pwo(x)'\n[variables]\nx = 3", vec!["there is no function 'pwo'", "sqrt"]),
        ("minimise = 'x'\n[variables]\nx = 3", vec!["line 1, column 1", "minimise", "minimize"]),
        ("minimize = 'x'\nmaximize = 'x'\n[variables]\nx = 3", vec!["keep one"]),
        ("[variables]\nx = 3", vec!["the objective is missing"]),
        ("minimize = 'x^2'", vec!["there is no variable"]),
        ("minimize = 'x^2'\n[variables]\nx = {start = 1", vec!["line 3"]),
        ("minimize = 'x^2'\n[variables]\nx = { lower = 1, upper = 0 }", vec!["variable 'x'", "lower bound 1"]),
        (
            "minimize = 'x^2'\n[variables]\nx = { size = 2, start = [1, 2, 3] }",
            vec!["variable 'x'", "start has 3 entries"],
        ),
        ("minimize = 'x^2'\n[variables]\n'2x' = 3", vec!["'2x' is no name"]),
        ("minimize = 'x^2'\n[variables]\nx = 3\n[parameters]\nx = 1", vec!["'x' is defined twice"]),
        ("minimize = 'v^2'\n[variables]\nv = [1, 2]", vec!["2 entries", "sum("]),
        ("minimize = 'sum(v + w)'\n[variables]\nv = [1, 2]\nw = [1, 2, 3]", vec!["character 5", "2 and 3 entries"]),
        (
            "minimize = 'x - log(x - 5)'\n[variables]\nx = 3",
            vec!["log(x - 5) is NaN", "x - 5 is -2", "change the start"],
        ),
        ("minimize = 'x'\n[variables]\nx = 3\n[constraints]\nc = 'x < 2'", vec!["constraint 'c', character 3", "<="]),
        (
            "minimize = 'x'\n[variables]\nx = 3\n[constraints]\nc = 'x <= q'",
            vec!["constraint 'c', character 6", "'q' is not defined"],
        ),
    ] {
        place.write("p.toml", text);
        place.refused("solve p.toml", &words);
    }
    place.refused("solve missing.toml", &["missing.toml"]);
    place.write("p.toml", "minimize = 'x^2'\n[variables]\nx = { start = 1, lower = 0 }");
    place.refused("solve p.toml --lower 1", &["has its own bounds"]);
}
