//! `kiln describe`.

use serde_json::Value;

use crate::common::Place;

const TABLE: &str = "\
,id,size,colour,day,member,none,y
1,a,1.5,red,2020-01-01,TRUE,,no
2,b,NA,grey,2020-01-02,FALSE,,yes
3,c,4,red,2020-01-03,TRUE,,no
";

#[test]
fn columns_and_their_use_are_told() {
    let place = Place::new();
    place.write("t.csv", TABLE);
    let text = place.ok("describe t.csv --target y --id id").stdout;
    for expected in [
        "t.csv: 3 rows, 7 columns (1 number, 1 true/false, 1 date, 3 text, 1 empty), delimiter comma",
        "the first column has no name, so it is an index and is left out",
        "1 of 3 rows has a missing value: it is dropped (--missing)",
        "1.5 to 4, mean 2.75",
        "1 feature, reference grey",
        "refused: dates; add --dates days or --drop day",
        "left out: it has no values",
        "copied into predictions",
        "target with 2 classes",
        "in all 3 features",
    ] {
        assert!(text.contains(expected), "{text}\nlacks {expected}");
    }
    let json: Value =
        serde_json::from_str(&place.ok("describe t.csv --target y --coding one-hot --json").stdout).unwrap();
    let columns = json["columns"].as_array().unwrap();
    let found = |name: &str, key: &str| columns.iter().find(|column| column["name"] == name).unwrap()[key].clone();
    assert_eq!((found("size", "kind"), found("member", "kind")), ("numeric".into(), "boolean".into()));
    assert_eq!((found("size", "missing"), found("colour", "distinct")), (1.into(), 2.into()));
    assert_eq!(found("colour", "training"), "2 features");
    assert_eq!(found("member", "training"), "1 feature");
    // What it says is what training does.
    let trained = place.exits(2, "train logistic --data t.csv --target y --id id --missing mean --out run");
    assert!(trained.stderr.contains("'day' holds dates"), "{}", trained.stderr);
    place.exits(3, "train logistic --data t.csv --target y --id id --missing mean --drop day --out run");
}

#[test]
fn a_table_that_comes_through_a_pipe_is_described() {
    let text = Place::new().with_input("describe - --target y", TABLE).stdout;
    assert!(text.contains("standard input: 3 rows, 7 columns"), "{text}");
}

/// A newcomer's tables: long texts, numbers as texts, hundreds of categories, identifiers, measurements to predict.
#[test]
fn a_description_fits_a_terminal_and_says_what_to_do() {
    let place = Place::new();
    let row = |i: usize| {
        let text = format!("{} and so on and on and on", ["good", "bad", "neither of both"][i % 3]);
        format!("{i};{text} {};{},5;shop {};{}\n", i % 150, i % 9, i % 90, 0.1 * i as f64)
    };
    let header = "id;a_long_name_that_people_will_want_to_copy_in_full;price;shop;y\n";
    place.write("t.csv", format!("{header}{}", (0..300).map(row).collect::<String>()));
    let text = place.ok("describe t.csv --target y").stdout;
    for expected in [
        "delimiter semicolon",
        "numbers have decimal commas: add --decimal-comma (price)",
        "refused: '0,5' among numbers, line 2; --decimal-comma?",
        "it numbers the rows: --drop id?",
        "89 features, reference shop 0; --drop shop?",
        "target of numbers, for glm",
    ] {
        assert!(text.contains(expected), "{text}\nlacks {expected}");
    }
    let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(longest <= 160, "{longest} characters\n{text}");
    let text = place.ok("describe t.csv --decimal-comma --drop shop").stdout;
    assert!(text.contains("0.5 to 8.5") && !text.contains("read as text: add"), "{text}");
    assert!(text.contains("without --target COLUMN"), "{text}");
    assert!(text.contains("left out as asked"), "{text}");
}

#[test]
fn a_table_that_cannot_be_read_is_refused() {
    let place = Place::new();
    place.write("t.csv", "x,y\n1,2,3\n4,5\n6,7\n");
    place.refused("describe t.csv", &["t.csv", "line 3", "expected 3"]);
    place.refused("describe none.csv", &["none.csv", "does not exist"]);
    place.write("t.csv", "x,y\n1,2\n");
    place.refused("describe t.csv --target z", &["no column 'z'", "x, y"]);
    place.refused("describe t.csv --delimiter ab", &["--delimiter", "'ab'"]);
    place.refused("describe t.csv --encoding klingon", &["'klingon'"]);
    place.refused("describe t.csv --categorical q", &["'q'"]);
}
