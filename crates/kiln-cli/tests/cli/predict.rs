//! `kiln predict` against the model's formula, computed here from the run's files.

use kiln_testkit::assert_close;
use safetensors::SafeTensors;
use serde_json::Value;

use crate::common::{Place, number, scatter};

const COLOURS: [&str; 3] = ["red", "light, blue", "green"];

/// A row of the table: two numbers on different scales, a colour, and a class that depends on all of them.
struct Row {
    size: f64,
    weight: f64,
    colour: &'static str,
    class: &'static str,
}

fn rows(n: usize, classes: &[&'static str]) -> Vec<Row> {
    let row = |i: usize| {
        let (size, weight, colour) = (scatter(3 * i), 1000.0 * scatter(3 * i + 1), i % 3);
        let score = size + weight / 1000.0 + 0.3 * colour as f64 + 0.4 * scatter(3 * i + 2);
        let class = classes[((score / 3.0 * classes.len() as f64) as usize).min(classes.len() - 1)];
        Row { size, weight, colour: COLOURS[colour], class }
    };
    (0..n).map(row).collect()
}

/// A CSV file with the columns of `names`.
fn table(rows: &[Row], names: &[&str]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(names).unwrap();
    for row in rows {
        let cell = |name: &&str| match *name {
            "size" => row.size.to_string(),
            "weight" => row.weight.to_string(),
            "colour" => row.colour.to_owned(),
            "class" => row.class.to_owned(),
            _ => "?".to_owned(),
        };
        writer.write_record(names.iter().map(cell)).unwrap();
    }
    writer.into_inner().unwrap()
}

/// The features of a row, as `encoder.json` says.
fn features(row: &Row, encoder: &Value) -> Vec<f64> {
    let encode = |column: &Value| match (column["kind"].as_str().unwrap(), column["name"].as_str().unwrap()) {
        ("numeric", name) => {
            let value = if name == "size" { row.size } else { row.weight };
            vec![(value - number(&column["mean"])) / number(&column["scale"])]
        }
        ("categorical", "colour") => {
            let is_it = |category: &Value| if category == row.colour { 1.0 } else { 0.0 };
            column["categories"].as_array().unwrap().iter().map(is_it).collect()
        }
        other => panic!("unexpected column {other:?}"),
    };
    encoder["columns"].as_array().unwrap().iter().flat_map(encode).collect()
}

/// A tensor of f64 with its shape.
fn tensor(file: &SafeTensors<'_>, name: &str) -> (Vec<usize>, Vec<f64>) {
    let view = file.tensor(name).unwrap();
    assert_eq!(view.dtype(), safetensors::Dtype::F64);
    let values = view.data().chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect();
    (view.shape().to_vec(), values)
}

/// The class probabilities of each row by the run's weights: σ(x·w + b) for two classes, softmax(x·W + b) for more.
fn probabilities(place: &Place, rows: &[Row], classes: usize) -> Vec<f64> {
    let bytes = place.weights("run");
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let ((shape, weight), (_, bias)) = (tensor(&file, "linear.weight"), tensor(&file, "linear.bias"));
    let (d, k) = (5, if classes == 2 { 1 } else { classes });
    assert_eq!((shape, bias.len()), (vec![d, k], k));
    let encoder = place.json("run/encoder.json");
    let of_row = |row: &Row| {
        let x = features(row, &encoder);
        let logits: Vec<f64> =
            (0..k).map(|j| (0..d).map(|i| x[i] * weight[i * k + j]).sum::<f64>() + bias[j]).collect();
        if k == 1 {
            return vec![1.0 / (1.0 + logits[0].exp()), 1.0 / (1.0 + (-logits[0]).exp())];
        }
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let powers: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
        powers.iter().map(|power| power / powers.iter().sum::<f64>()).collect()
    };
    rows.iter().flat_map(of_row).collect()
}

/// The predicted classes, and the probabilities row after row.
fn predictions(text: &str, classes: &[&str]) -> (Vec<String>, Vec<f64>) {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header: Vec<&str> = reader.headers().unwrap().iter().collect();
    let expected = std::iter::once("prediction".to_owned()).chain(classes.iter().map(|class| format!("p_{class}")));
    assert_eq!(header, expected.collect::<Vec<_>>());
    let (mut predicted, mut numbers) = (Vec::new(), Vec::new());
    for record in reader.records().map(Result::unwrap) {
        predicted.push(record[0].to_owned());
        numbers.extend(record.iter().skip(1).map(|cell| cell.parse::<f64>().unwrap()));
    }
    (predicted, numbers)
}

#[track_caller]
fn is_the_formula(classes: &[&'static str], train: &str) {
    let place = Place::new();
    place.write("t.csv", table(&rows(90, classes), &["size", "colour", "class", "weight"]));
    place.ok(&format!("train logistic --data t.csv --target class {train} --out run"));
    // Rows that training has not seen, a column that it does not know, others in another order, and no target.
    let all = rows(200, classes);
    let new = &all[90..];
    place.write("new.csv", table(new, &["class", "weight", "note", "colour", "size"]));
    place.write("unlabelled.csv", table(new, &["colour", "size", "weight"]));
    place.ok("predict run --data new.csv --output p.csv");
    place.ok("predict run --data unlabelled.csv --output q.csv");
    assert_eq!(place.text("p.csv"), place.text("q.csv"));

    let (predicted, found) = predictions(&place.text("p.csv"), classes);
    let expected = probabilities(&place, new, classes.len());
    assert_close(&found, &expected, 0.0, 1e-12, "probability");
    for ((row, class), name) in found.chunks(classes.len()).zip(&predicted).zip(expected.chunks(classes.len())) {
        let most = |row: &[f64]| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
        assert_eq!((classes[most(row)], classes[most(name)]), (class.as_str(), class.as_str()));
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
    let right = predicted.iter().zip(new).filter(|(class, row)| *class == row.class).count();
    assert!(right * 10 > new.len() * 6, "{right} of {} are right", new.len());
}

#[test]
fn probabilities_of_three_classes_are_softmax_of_the_saved_weights() {
    is_the_formula(&["large", "medium", "small"], "--standardize --l2 0.01");
}

#[test]
fn probabilities_of_two_classes_are_the_sigmoid_of_the_saved_weights() {
    is_the_formula(&["no", "yes"], "--standardize --l2 0.01");
}

#[test]
fn probabilities_are_right_without_standardisation() {
    is_the_formula(&["a", "b", "c", "d"], "--optimizer adam --dtype f64");
}

#[test]
fn predictions_and_the_scores_of_eval_agree() {
    let (place, classes) = (Place::new(), ["large", "medium", "small"]);
    place.write("t.csv", table(&rows(90, &classes), &["size", "colour", "class", "weight"]));
    place.ok("train logistic --data t.csv --target class --standardize --l2 0.01 --out run");
    let all = rows(200, &classes);
    let new = &all[90..];
    place.write("new.csv", table(new, &["class", "weight", "colour", "size"]));
    place.ok("predict run --data new.csv --output p.csv");
    let (predicted, numbers) = predictions(&place.text("p.csv"), &classes);
    let right = predicted.iter().zip(new).filter(|(class, row)| *class == row.class).count();
    let position = |row: &Row| classes.iter().position(|class| *class == row.class).unwrap();
    let nll = numbers.chunks(3).zip(new).map(|(p, row)| -p[position(row)].ln()).sum::<f64>() / new.len() as f64;

    let done = place.ok("eval run --data new.csv --json");
    let test = &serde_json::from_str::<Value>(&done.stdout).unwrap()["test"];
    assert_eq!(test["n"], new.len());
    assert_close(&[number(&test["accuracy"])], &[right as f64 / new.len() as f64], 0.0, 1e-15, "accuracy");
    assert_close(&[number(&test["nll"])], &[nll], 0.0, 1e-12, "nll");
}

#[test]
fn data_that_does_not_fit_the_model_is_refused() {
    let (place, classes) = (Place::new(), ["no", "yes"]);
    place.write("t.csv", table(&rows(60, &classes), &["size", "colour", "class", "weight"]));
    place.ok("train logistic --data t.csv --target class --standardize --l2 0.01 --out run");
    for (text, words) in [
        ("size,colour\n1,red\n", ["p.csv", "'weight'"].as_slice()),
        ("size,colour,weight\n1,red,5\n2,mauve,5\n", &["line 3", "'mauve'", "'colour'"]),
        ("size,colour,weight\n1,red,5\nbig,red,5\n", &["line 3", "'big'", "'size'"]),
    ] {
        place.write("p.csv", text);
        place.refused("predict run --data p.csv --output out.csv", words);
        assert!(!place.exists("out.csv"));
    }
    place.refused("predict run --data absent.csv --output out.csv", &["absent.csv"]);
}

/// A row with a missing value keeps its line, without a prediction. Columns that name the rows are copied.
#[test]
fn rows_keep_their_names_and_places() {
    let (place, classes) = (Place::new(), ["no", "yes"]);
    place.write("t.csv", table(&rows(60, &classes), &["size", "colour", "class", "weight"]));
    place.ok("train logistic --data t.csv --target class --l2 0.01 --out run");
    place.write("p.csv", "size,colour,weight\n1,red,5\n1,red,\n2,red,4\n");
    let done = place.ok("predict run --data p.csv --output out.csv");
    assert!(done.stdout.contains("1 are empty, because a value is missing"), "{}", done.stdout);
    let lines: Vec<String> = place.text("out.csv").lines().map(str::to_owned).collect();
    assert_eq!((lines.len(), lines[2].as_str()), (4, ",,"));

    let named: String = place
        .text("t.csv")
        .lines()
        .enumerate()
        .map(|(i, line)| format!("{},{line}\n", if i == 0 { "key".into() } else { format!("k{i}") }))
        .collect();
    place.write("named.csv", named);
    place.ok("train logistic --data named.csv --target class --l2 0.01 --id key --out named");
    assert_eq!(place.text("named/coef.csv"), place.text("run/coef.csv"), "a name is no feature");
    place.write("p.csv", "weight,key,colour,size\n5,a 1,red,1\n5,b,red,\n");
    place.ok("predict named --data p.csv --output named.csv.out");
    let text = place.text("named.csv.out");
    assert!(text.starts_with("key,prediction,p_no,p_yes\na 1,") && text.ends_with("\nb,,,\n"), "{text}");
    place.write("p.csv", "weight,colour,size\n5,red,1\n");
    place.refused("predict named --data p.csv --output x.csv", &["p.csv", "'key'"]);
}

#[test]
fn digits_are_predicted_from_a_table_of_their_pixels() {
    let place = Place::new();
    place.exits(3, "train logistic --data digits --epochs 20 --out run");
    let names = (0..64).map(|i| format!("p{i}")).collect::<Vec<_>>().join(",");
    let pixels = (0..64).map(|i| ((scatter(i) * 17.0) as u8).to_string()).collect::<Vec<_>>().join(",");
    place.write("d.csv", format!("{names}\n{pixels}\n"));
    let done = place.ok("predict run --data d.csv --output p.csv --json");
    assert_eq!(serde_json::from_str::<Value>(&done.stdout).unwrap()["rows"], 1);
    let (predicted, p) = predictions(&place.text("p.csv"), &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    assert!((0..10).contains(&predicted[0].parse::<i32>().unwrap()));
    assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12);
}

/// Rows through pipes: a table from standard input, predictions to standard output.
#[test]
fn tables_come_and_go_through_pipes() {
    let (place, classes) = (Place::new(), ["no", "yes"]);
    let text = String::from_utf8(table(&rows(60, &classes), &["size", "colour", "class", "weight"])).unwrap();
    place.write("t.csv", &text);
    place.ok("train logistic --data t.csv --target class --l2 0.01 --out file");
    let done = place.with_input("train logistic --data - --target class --l2 0.01 --out pipe", &text);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(place.text("pipe/coef.csv"), place.text("file/coef.csv"));
    assert_eq!(place.with_input("eval pipe", &text).code, Some(0));
    let other = place.with_input("eval pipe", &text.replacen("yes", "no", 1));
    assert!(other.code == Some(2) && other.stderr.contains("SHA-256"), "{}", other.stderr);

    place.ok("predict file --data t.csv --output p.csv");
    let piped = place.with_input("predict pipe --data - --output -", &text);
    assert_eq!((piped.code, piped.stdout), (Some(0), place.text("p.csv")), "{}", piped.stderr);
    assert!(piped.stderr.contains("60 predictions"), "{}", piped.stderr);
    place.refused("predict file --data t.csv --output - --json", &["--json", "--output -"]);
    assert_eq!(place.with_input("predict pipe --data - --output none.csv", "").code, Some(2));
    assert!(!place.exists("none.csv"));
}

/// More rows than are in memory at a time, and a mistake in the last of them: nothing is left behind.
#[test]
fn many_rows_are_predicted_part_by_part() {
    let place = Place::new();
    let text: String = (0..40_000).map(|i| format!("k{i},{},g{}\n", (i * 7) % 101, i % 3)).collect();
    place.write("t.csv", "x,g,y\n1,g0,a\n2,g1,b\n3,g2,a\n4,g0,b\n5,g1,a\n2,g2,a\n3,g0,b\n");
    place.ok("train logistic --data t.csv --target y --l2 0.1 --test-fraction 0 --out run");
    place.write("many.csv", format!("key,x,g\n{text}"));
    place.ok("predict run --data many.csv --output p.csv");
    let predicted = place.text("p.csv");
    assert_eq!(predicted.lines().count(), 40_001);
    // Each row is predicted as it is alone.
    for row in [0, 16_383, 16_384, 39_999] {
        place.write("one.csv", format!("x,g\n{},g{}\n", (row * 7) % 101, row % 3));
        place.ok("predict run --data one.csv --output one.out --force");
        assert_eq!(place.text("one.out").lines().nth(1), predicted.lines().nth(row + 1), "row {row}");
    }
    let before = place.snapshot(".");
    place.write("many.csv", format!("key,x,g\n{text}k,1,unknown\n"));
    place.refused("predict run --data many.csv --output q.csv", &["many.csv", "line 40002", "'unknown'"]);
    place.write("many.csv", format!("key,x,g\n{text}"));
    assert_eq!(place.snapshot("."), before, "nothing is left");
}

/// New data may be written in another way than the training data: here with semicolons, decimal commas, and a mark of missing values.
#[test]
fn new_data_may_have_another_format() {
    let place = Place::new();
    let (mut train, mut new) = ("x,y\n".to_owned(), "y;x\n".to_owned());
    for row in 0..40 {
        let (x, y) = (scatter(row), 3.0 * scatter(row) + 0.1 * scatter(100 + row));
        train += &format!("{x},{y}\n");
        new += &format!("{y};{x}\n").replace('.', ",");
    }
    place.write("train.csv", &train);
    place.write("new.csv", format!("{new}1,0;missing\n"));
    place.ok("train glm --data train.csv --target y --test-fraction 0 --out out");
    let fitted = place.ok("predict out --data train.csv --output own.csv").stdout;
    assert!(fitted.contains("40 predictions"), "{fitted}");
    place.refused("predict out --data new.csv --output new-out.csv", &["new.csv", "--decimal-comma"]);
    place.ok("predict out --data new.csv --decimal-comma --na missing --output new-out.csv");
    let (own, new) = (place.text("own.csv"), place.text("new-out.csv"));
    assert!(new.starts_with(&own) && new.lines().count() == 42, "{own}\\n{new}");
    let score = place.json_of("eval out --data new.csv --decimal-comma --na missing --json");
    assert_eq!(score["test"], place.json_of("eval out --data train.csv --json")["test"]);
    place.refused("eval out --decimal-comma", &["--decimal-comma needs --data"]);
}
