//! `kiln train glm` on several ranks against one.

use crate::{
    common::Place,
    ranks::{ok, own_lines, run},
};

/// The cells of a table, which are numbers or texts.
fn cells(place: &Place, file: &str) -> Vec<Vec<String>> {
    place.text(file).lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// Whether two tables have the same texts, and the same numbers to 1e-9.
#[track_caller]
pub(crate) fn assert_same_table(place: &Place, got: &str, expected: &str) {
    let (got_cells, expected_cells) = (cells(place, got), cells(place, expected));
    assert_eq!(got_cells.len(), expected_cells.len(), "{got}");
    for (a, b) in got_cells.iter().flatten().zip(expected_cells.iter().flatten()) {
        match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(x), Ok(y)) => assert!((x - y).abs() <= 1e-9 * y.abs().max(1e-3), "{got}: {a} and {b}"),
            _ => assert_eq!(a, b, "{got}"),
        }
    }
}

/// Whether two results have the same numbers to 1e-9, but for times and what ranks do.
#[track_caller]
fn assert_same_result(place: &Place, got: &str, expected: &str) {
    let [mut got, mut expected] = [got, expected].map(|run| place.json(&format!("{run}/result.json")));
    for result in [&mut got, &mut expected] {
        let result = result.as_object_mut().unwrap();
        result.retain(|key, _| key != "wall_s" && key != "ranks");
        // At the rounding of sums.
        let grad_norm = result.remove("grad_norm").unwrap().as_f64().unwrap();
        assert!(grad_norm < 1e-8, "{grad_norm:e}");
    }
    assert_same_json(&got, &expected);
}

#[track_caller]
fn assert_same_json(got: &serde_json::Value, expected: &serde_json::Value) {
    use serde_json::Value::{Array, Number, Object};
    match (got, expected) {
        (Number(a), Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= 1e-9 * b.abs().max(1e-3), "{a} and {b}");
        }
        (Array(a), Array(b)) => {
            assert_eq!(a.len(), b.len());
            a.iter().zip(b).for_each(|(a, b)| assert_same_json(a, b));
        }
        (Object(a), Object(b)) => {
            assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
            a.values().zip(b.values()).for_each(|(a, b)| assert_same_json(a, b));
        }
        _ => assert_eq!(got, expected),
    }
}

/// 300 rows with texts that hold line ends and quotes, missing cells, and a category that is rare.
fn table(place: &Place) {
    let row = |i: u32| {
        let area =
            if i % 97 == 5 { "\"far\nout\"" } else { ["north", "\"the \"\"south\"\"\"", "east"][i as usize % 3] };
        let x = if i % 41 == 7 { String::new() } else { format!("{}", f64::from(i * 37 % 101) / 10.0) };
        let class = if i * 29 % 7 > 2 { "yes" } else { "no" };
        let rating = ["bad", "fair", "good"][(i * 31 % 23 / 8) as usize];
        format!("{x},{area},{},{},{class},{rating}\n", 1 + i % 4, i * 53 % 11,)
    };
    let rows: String = (0..300).map(row).collect();
    place.write("t.csv", format!("x,area,years,count,class,rating\n{rows}"));
}

const FITS: [(&str, &str); 8] = [
    ("poisson", "--family poisson --target count --exposure years --drop class,rating"),
    ("gaussian", "--target count --sample-weight years --drop class,rating --cov-type hc1"),
    ("binomial", "--family binomial --target class --drop rating --stream"),
    ("ordinal", "--family ordinal --target rating --levels bad,fair,good --drop class"),
    ("multinomial", "--family multinomial --target rating --drop class --stream"),
    ("penalised", "--family binomial --target class --drop rating --l1 0.01"),
    ("formula", "--family poisson --formula count~C(area)*x+offset(log(years))"),
    // What needs all rows at once.
    (
        "everything",
        "--family poisson --target count --drop class,rating --lr-tests --margins --profile --influence --test-fraction 0.2",
    ),
];

#[test]
fn fits_are_those_of_one_rank() {
    let place = Place::new();
    table(&place);
    for (name, flags) in FITS {
        let line = |ranks: usize| format!("train glm --data t.csv {flags} --out {name}-{ranks}");
        let one = place.ok(&line(1));
        for ranks in [2, 4] {
            let done = ok(&place, ranks, &line(ranks));
            let run = format!("{name}-{ranks}");
            assert_same_result(&place, &run, &format!("{name}-1"));
            for file in ["coef.csv", "terms.csv", "margins.csv", "profile.csv", "influence.csv", "roc.csv"] {
                let [got, expected] = [&run, &format!("{name}-1")].map(|run| format!("{run}/{file}"));
                assert_eq!(place.exists(&got), place.exists(&expected), "{got}");
                if place.exists(&got) {
                    assert_same_table(&place, &got, &expected);
                }
            }
            assert_eq!(place.json(&format!("{run}/result.json"))["ranks"]["size"], ranks);
            let [got, expected] = [&run, &format!("{name}-1")].map(|run| place.json(&format!("{run}/run.json")));
            assert_eq!(got["data"], expected["data"]);
            // The same notes, once.
            let notes = |text: &str| -> Vec<String> {
                text.lines().filter(|line| !line.starts_with("step ")).map(str::to_owned).collect()
            };
            assert_eq!(notes(&done.stderr), notes(&one.stderr), "{name}");
        }
    }
    place.ok("predict poisson-2 --data t.csv --output p.csv");
    place.ok("eval formula-4 --data t.csv");
    ok(&place, 2, "resume poisson-2 --gtol 1e-12");
}

#[test]
fn failures_are_those_of_one_rank() {
    let place = Place::new();
    let rows: String = (0..200).map(|i| format!("{i},{}\n", i % 5)).collect();
    place.write("negative.csv", format!("x,y\n{rows}7,-3\n"));
    place.write("stray.csv", format!("x,y\n{rows}oops,3\n"));
    place.write("ragged.csv", format!("x,y\n{rows}1,2,3\n"));
    place.write("separable.csv", format!("x,y\n{}", (0..40).map(|i| format!("{i},{}\n", i / 20)).collect::<String>()));
    for (file, flags) in [
        ("negative", "--family poisson --lr-tests"),
        ("negative", "--family poisson"),
        ("stray", "--family poisson"),
        ("ragged", ""),
        ("separable", "--family binomial"),
        ("none", ""),
    ] {
        let line = format!("train glm --data {file}.csv --target y {flags} --out out");
        let one = run(&place, 1, &line);
        let two = run(&place, 2, &line);
        assert_eq!(two.code, one.code, "{file}: {two:#?}");
        let lines = own_lines(&two.stderr);
        assert_eq!(lines.len(), 1, "{file}: {two:#?}");
        let expected = own_lines(&one.stderr)[0];
        // A rank that has read its share only does not know the line in the file.
        let is_same = lines[0] == expected || (file == "negative" && lines[0].contains("the response 'y' is -3"));
        assert!(is_same, "{file}:\n{}\n{expected}", lines[0]);
        assert!(!place.exists("out"), "{file}");
    }
}
