//! Cells among numbers that are no numbers: a slip is an error, however small the table and whatever the other cells are.

use std::{fmt::Write, path::Path};

use crate::common::Place;

/// A table with a numeric column x of distinct numbers, in which one cell is `cell`.
fn table(rows: usize, cell: &str) -> String {
    let mut text = "x,g,y\n".to_owned();
    for row in 0..rows {
        let (x, y) = (0.5 + 1.25 * row as f64, (row * 7 % 11) as f64);
        let x = if row == rows / 2 { format!("\"{cell}\"") } else { x.to_string() };
        writeln!(text, "{x},{},{y}", ["a", "b"][row % 2]).unwrap();
    }
    text
}

#[test]
fn one_wrong_cell_among_distinct_numbers_does_not_drop_the_column() {
    let place = Place::new();
    for rows in [40, 5000] {
        for cell in ["1.2.3", "inf", "+Infinity", "1e999", "1,5", "$1.00", "7l0"] {
            place.write("t.csv", table(rows, cell));
            let line = format!("line {}: column 'x' holds numbers, but this cell is '{cell}'", rows / 2 + 2);
            place.refused_to_start(
                "train glm --data t.csv --target y",
                &["t.csv", &line, "--na", "--categorical", "--drop"],
            );
            place.refused_to_start("train glm --data t.csv --target y --stream", &["t.csv", &line, "--categorical"]);
            place.refused_to_start("train logistic --data t.csv --target g", &["t.csv", &line]);
            let shown = place.ok("describe t.csv --target y").stdout;
            assert!(!shown.contains("every row has a different text"), "{shown}");
        }
    }
    // As a missing value it is one.
    place.write("t.csv", table(40, "1.2.3"));
    place.ok("train glm --data t.csv --target y --na 1.2.3 --out out");
}

/// What looks like numbers is refused in a table of any size, unless it is said to be text.
#[test]
fn texts_that_look_like_numbers_are_no_categories() {
    let place = Place::new();
    for (cells, found) in [
        ("1,2,3,inf,5,1", "inf"),
        ("\"1,000\",\"2,500\",\"1,000\",\"3,500\",\"4,500\",\"2,500\"", "1,000"),
        ("\"10,5\",\"11,5\",\"12,5\",\"10,5\",\"9,0\",\"8,5\"", "10,5"),
        ("5%,6%,7%,5%,9%,6%", "5%"),
        ("€5,€6,€7,€5,€9,€6", "€5"),
    ] {
        let mut text = "x,y\n".to_owned();
        let mut rest = cells;
        for y in [2.0, 4.1, 5.9, 8.0, 10.0, 3.0] {
            let end = match rest.strip_prefix('"') {
                Some(inside) => inside.find('"').unwrap() + 2,
                None => rest.find(',').unwrap_or(rest.len()),
            };
            writeln!(text, "{},{y}", &rest[..end]).unwrap();
            rest = rest[end..].trim_start_matches(',');
        }
        place.write("t.csv", text);
        let mut words = vec!["column 'x' holds numbers, but this cell is", found];
        if found.contains(',') {
            words.push("--decimal-comma");
        }
        place.refused_to_start("train glm --data t.csv --target y", &words);
        place.ok("train glm --data t.csv --target y --categorical x --out done --force");
    }
    // Codes and words are categories.
    place.write("t.csv", "x,y\n1,2\n2,4\nA,6\n1,3\nA,7\n2,5\n");
    place.ok("train glm --data t.csv --target y --out done --force");
    let cylinders = |word: &str| {
        let cell = |i: usize| if i == 50 { word.to_owned() } else { [4, 6, 8, 3][i % 4].to_string() };
        (0..93).fold("x,y\n".to_owned(), |text, i| format!("{text}{},{}\n", cell(i), i * 5 % 17))
    };
    place.write("t.csv", cylinders("rotary"));
    place.ok("train glm --data t.csv --target y --out done --force");
    place.write("t.csv", cylinders("4l"));
    place.refused_to_start("train glm --data t.csv --target y", &["line 52", "'4l'"]);
}

/// Binary tables are files. As standard input they are refused by name.
#[test]
fn a_binary_table_as_standard_input_is_named() {
    let place = Place::new();
    for (start, format) in [("PAR1....", "Parquet"), ("ARROW1..", "Arrow"), ("PK\u{3}\u{4}....", "zip")] {
        let done = place.with_input("train glm --data - --target y --out out", start);
        assert_eq!(done.code, Some(2), "{done:#?}");
        assert!(done.stderr.contains(format) && done.stderr.contains("standard input"), "{}", done.stderr);
        assert!(done.stderr.contains("save it"), "{}", done.stderr);
    }
}

#[test]
fn an_infinite_response_is_found_where_it_is() {
    let place = Place::new();
    for cell in ["inf", "1e999"] {
        let table = (1..30).map(|i| if i == 8 { format!("{i},{cell}\n") } else { format!("{i},{}.5\n", i * i) });
        place.write("t.csv", format!("x,y\n{}", table.collect::<String>()));
        place.refused_to_start("train glm --data t.csv --target y", &["line 9", cell, "'y'"]);
    }
}

#[test]
fn an_information_that_a_family_does_not_have_is_refused() {
    let place = Place::new();
    place.write("t.csv", "x,y\n1,0\n2,3\n3,0\n4,2\n5,1\n6,0\n7,4\n8,2\n9,0\n");
    for family in ["zero-inflated-poisson", "ordinal", "negative-binomial"] {
        let line = format!("train glm --data t.csv --target y --family {family} --information expected");
        place.refused_to_start(&line, &["information", "observed"]);
    }
    place.ok("train glm --data t.csv --target y --family poisson --information expected --out out");
}

/// R's MASS::Insurance. The gradient's last digits are below the rounding of the values.
#[test]
fn l1_penalties_of_a_grid_converge() {
    let place = Place::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/field/insurance.csv").display().to_string();
    for penalty in ["0.1", "0.5", "1", "2", "5"] {
        let line = "train glm --family poisson --target Claims --exposure Holders";
        place.ok(&format!("{line} --l1 {penalty} --data {data} --out out --force"));
    }
    place.ok(&format!(
        "cv glm --family poisson --target Claims --penalty l1 --standardize --exposure Holders --data {data} --out cv"
    ));
}
