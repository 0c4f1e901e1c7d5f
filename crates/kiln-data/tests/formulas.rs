//! Designs of formulas beside formulaic's, bit by bit. `tests/reference/gen/make_formulas.py` made the references.

use std::path::PathBuf;

use kiln_data::{DataError, Formula, FormulaEncoder, Table, Unseen};
use serde_json::Value;
use sha2::{Digest, Sha256};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/formulas").join(name)
}

fn cases() -> Vec<Value> {
    serde_json::from_str(&std::fs::read_to_string(path("formulas.json")).unwrap()).unwrap()
}

fn table(name: &str) -> Table {
    Table::read(&path(&format!("{name}.csv"))).unwrap()
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

fn fit(case: &Value) -> FormulaEncoder {
    let formula: Formula = text(case, "formula").parse().unwrap_or_else(|e| panic!("{}: {e}", case["formula"]));
    formula.fit(&table(text(case, "table"))).unwrap_or_else(|e| panic!("{}: {e}", case["formula"]))
}

/// The distance of two numbers in units of the last place of the larger one.
fn ulps(a: f64, b: f64) -> f64 {
    let larger = a.abs().max(b.abs());
    if a.to_bits() == b.to_bits() { 0.0 } else { (a - b).abs() / (larger.next_up() - larger) }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 of the bytes of numbers.
fn digest_of(values: &[f64]) -> String {
    hex(&values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

/// Compares a design with formulaic's.
fn compare(case: &Value, which: &str, found: &[f64]) {
    let formula = text(case, "formula");
    let source = case.get("source").and_then(Value::as_str);
    // The reference was computed with glibc, whose functions Rust calls too. Other C libraries round a few values in another way.
    let is_exact = source.is_none() || (source == Some("libm") && cfg!(all(target_os = "linux", target_env = "gnu")));
    let rows = case[format!("{which}_rows")].as_array().unwrap();
    let width = texts(&case["names"]).len();
    let all: Vec<&[f64]> = found.chunks_exact(width.max(1)).collect();
    let every = (all.len() / 5).max(1);
    for (at, row) in rows.iter().enumerate() {
        let row = row.as_array().unwrap();
        let found = if source == Some("lapack") { all.get(at) } else { all.get(at * every) };
        for (column, (found, expected)) in found.copied().unwrap_or_default().iter().zip(row).enumerate() {
            let expected = expected.as_f64().unwrap();
            let good = match source {
                // Dense systems of up to 4 equations with a condition below 10, reflections and products of up to 4 terms;
                // entries up to 1.
                Some("lapack") => (found - expected).abs() < 1e-14,
                // A function within 2 units; a polynomial or spline of it multiplies the error by its own slope.
                Some(_) if !is_exact => ulps(*found, expected) <= 2.0 || (found - expected).abs() < 1e-14,
                _ => ulps(*found, expected) == 0.0,
            };
            assert!(good, "{formula}: {which} row {at} of those shown, column {column}: {found} but {expected}");
        }
    }
    if is_exact {
        assert_eq!(digest_of(found), text(case, which), "{formula}: some row of {which} that is not shown differs");
    }
}

#[test]
fn designs_have_the_bits_of_formulaic() {
    let cases = cases();
    for case in &cases {
        let encoder = fit(case);
        assert_eq!(encoder.feature_names(), texts(&case["kiln"]), "{}", case["formula"]);
        assert_eq!(encoder.has_intercept(), case["intercept"].as_bool().unwrap(), "{}", case["formula"]);
        let train = table(text(case, "table"));
        compare(case, "train", &encoder.encode_inputs(&train).unwrap());
        let ranges = encoder.terms().iter().flat_map(|term| term.features());
        assert!(ranges.eq(0..encoder.feature_names().len()), "{}", case["formula"]);
        if let Some(terms) = case["terms"].as_array() {
            assert_eq!(encoder.terms().len(), terms.len(), "{}", case["formula"]);
        }
    }
    assert!(cases.len() >= 60);
    let with_tolerance = cases.iter().filter(|case| case.get("source").is_some()).count();
    assert!(with_tolerance <= 9, "tolerances are for functions of the C library and for LAPACK");
}

/// New rows are encoded with the categories, means, polynomials and knots of the training rows, also after JSON.
#[test]
fn new_rows_are_encoded_as_formulaic_does() {
    for case in &cases() {
        let encoder = fit(case);
        let json = serde_json::to_string(&encoder).unwrap();
        let read: FormulaEncoder = serde_json::from_str(&json).unwrap_or_else(|e| panic!("{}: {e}", case["formula"]));
        assert_eq!(read, encoder, "{}", case["formula"]);
        let new = table(&format!("{}-new", text(case, "table")));
        compare(case, "new", &read.encode_inputs(&new).unwrap());
    }
}

/// 200 random formulas: the operators, which factors are coded in full, the order of features and of products.
#[test]
fn random_formulas_have_the_bits_of_formulaic() {
    let cases: Value = serde_json::from_str(&std::fs::read_to_string(path("random.json")).unwrap()).unwrap();
    let (train, new) = (table("births"), table("births-new"));
    for case in cases.as_array().unwrap() {
        let formula = case[0].as_str().unwrap();
        let encoder = formula.parse::<Formula>().unwrap().fit(&train).unwrap_or_else(|e| panic!("{formula}: {e}"));
        assert_eq!(encoder.has_intercept(), case[1].as_bool().unwrap(), "{formula}");
        let names = encoder.feature_names().join("\n");
        assert_eq!(hex(names.as_bytes()), case[2].as_str().unwrap(), "{formula}: {names}");
        assert_eq!(digest_of(&encoder.encode_inputs(&train).unwrap()), case[3].as_str().unwrap(), "{formula}");
        assert_eq!(digest_of(&encoder.encode_inputs(&new).unwrap()), case[4].as_str().unwrap(), "{formula}");
    }
}

#[test]
fn a_formula_is_its_text() {
    for case in &cases() {
        let formula: Formula = text(case, "formula").parse().unwrap();
        let again: Formula = formula.to_string().parse().unwrap_or_else(|e| panic!("{formula}: {e}"));
        assert_eq!(again, formula, "{formula}");
        assert_eq!(serde_json::from_str::<Formula>(&serde_json::to_string(&formula).unwrap()).unwrap(), formula);
    }
}

#[test]
fn a_response_may_be_computed() {
    let cases = cases();
    let case = cases.iter().find(|case| case.get("response").is_some()).unwrap();
    let encoder = fit(case);
    assert_eq!(encoder.response().as_deref(), Some("log(body_mass_g)"));
    let found = encoder.encode_response(&table("penguins")).unwrap();
    for (found, expected) in found.iter().zip(case["response"].as_array().unwrap()) {
        assert!(ulps(*found, expected.as_f64().unwrap()) <= 1.0);
    }
}

const SMALL: &str = "y,x,g,b,d\n1,0,a,true,2020-01-01\n2,3,b,false,2020-01-02\n3,7,c,true,2021-01-01\n";

fn small(formula: &str) -> Result<FormulaEncoder, DataError> {
    formula.parse::<Formula>()?.fit(&Table::parse("t.csv", SMALL).unwrap())
}

#[test]
fn errors_say_where_and_what_to_type() {
    for (formula, expected) in [
        (
            "y ~",
            "formula, character 4: found the end, expected a column, a function, '.' or '('; write 1 for an intercept alone",
        ),
        ("y ~ x z", "formula, character 7: found 'z', expected an operator such as '+' or ':', or the end"),
        ("y ~ (x", "formula, character 7: found the end, expected an operator or ')'"),
        ("y + x ~ g", "formula, character 3: found '+', expected '~'; write I(…) around a response"),
        (
            "y ~ 2*x",
            "formula, character 5: the number 2 is no term; write 1, 0 or -1 alone for the intercept, and I(2 * x)",
        ),
        ("y ~ (1 + x)*g", "formula, character 6: a number stands within parentheses or beside an operator"),
        ("y ~ x | g", "formula, character 7: '|' separates the parts of a mixed model"),
        ("y ~ x^0.5", "formula, character 7: found '0.5', expected a whole number from 1; write I(x**0.5)"),
        ("y ~ `odd", "formula, character 5: the quote that begins here is not closed; add the missing `"),
        ("y ~ poly(x, degre=2)", "formula, character 19: poly: it has no argument 'degre' (did you mean 'degree'?)"),
        ("y ~ log(x, 2)", "formula, character 12: log: this argument is one too many"),
        ("y ~ C(g, Foo)", "formula, character 10: C: the coding must be Treatment, Sum"),
        ("y ~ x:offset(x)", "formula, character 7: an offset stands alone between two '+'"),
        ("y ~ I(0 < x < 3)", "formula, character 7: two comparisons in a row"),
        ("poly(y, 2) ~ x", "formula, character 1: poly(…) is not one number per row"),
        ("y ~ log(x)", "t.csv, line 2: log(x) is -inf, because x is 0; correct the cell"),
        ("y ~ I(y / x)", "t.csv, line 2: y / x is inf, because y is 1 and x is 0"),
        ("y ~ I(log(x) > 0)", "t.csv, line 2: log(x) is -inf"),
        ("y ~ offset(log(x))", "t.csv, line 2: log(x) is -inf"),
        ("log(x) ~ y", "t.csv, line 2: log(x) is -inf"),
        ("y ~ log(g)", "t.csv, line 2: the formula takes column 'g' for numbers, but this cell is 'a'"),
        ("y ~ w", "t.csv has no column 'w'"),
        ("y ~ C(g, ref='z')", "t.csv: 'z' cannot be the reference of column 'g'; its categories: a, b, c"),
        (
            "y ~ C(g, levels=['a'])",
            "t.csv, line 3: 'b' in column 'g' is not among the categories of the model: a; correct it, or add it to the levels",
        ),
        ("y ~ poly(x, 3)", "t.csv: poly(x, 3): it needs at least 4 different values, and there are 3"),
        ("y ~ scale(I(x * 0))", "t.csv: scale(I(x * 0)): its standard deviation is 0"),
        ("y ~ bs(x, knots=[9])", "t.csv: bs(x, knots=[9]): its knots 9 and 7 are not in order within its bounds"),
        ("y ~ d", "t.csv: column 'd' holds dates"),
    ] {
        let message = small(formula).unwrap_err().to_string();
        assert!(message.starts_with(expected), "{formula}: {message}");
    }
}

#[test]
fn new_files_must_fit() {
    let encoder = small("y ~ g*x + bs(y, df=3) + offset(x) + b").unwrap();
    let encode = |text: &str| encoder.encode_inputs(&Table::parse("new.csv", text).unwrap());
    assert!(matches!(encode("x,y,b\n1,2,true\n"), Err(DataError::MissingColumn { column, .. }) if column == "g"));
    assert!(matches!(encode("g,x,y,b\na,NA,2,true\n"), Err(DataError::MissingValues { count: 1, .. })));
    let blue = encode("g,x,y,b\na,1,2,true\nblue,1,2,true\n");
    assert!(matches!(blue, Err(DataError::UnknownCategory { line: 3, cell, .. }) if cell == "blue"));
    assert!(matches!(encode("g,x,y,b\na,1,9,true\n"), Err(DataError::FormulaBounds { line: 2, .. })));
    assert!(matches!(encode("g,x,y,b\na,one,2,true\n"), Err(DataError::FormulaText { line: 2, .. })));

    let names = ["g=b", "g=c", "x", "bs(y, df=3)[1]", "bs(y, df=3)[2]", "bs(y, df=3)[3]", "b", "g=b:x", "g=c:x"];
    assert_eq!(encoder.feature_names(), names);
    assert_eq!(encoder.columns(), ["g", "x", "y", "b"]);
    let new = Table::parse("new.csv", "g,x,y,b\nblue,5,1,FALSE\nc,5,3,TRUE\n").unwrap();
    assert_eq!(encoder.offset(&new).unwrap(), Some(vec![5.0, 5.0]));
    let inputs = encoder.clone().with_unseen(Unseen::Reference).encode_inputs(&new).unwrap();
    assert_eq!(inputs[..9], [0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(inputs[9..], [0.0, 1.0, 5.0, 0.0, 0.0, 1.0, 1.0, 0.0, 5.0]);

    let partial = Table::parse("new.csv", "g,x,y,b\na,1,,true\na,,2,true\na,1,2,true\n").unwrap();
    assert_eq!(encoder.complete_rows(&partial), [2]);
    let other = small("y ~ x").unwrap();
    assert_eq!((other.complete_rows(&partial), other.features_complete(&partial)), (vec![2], vec![0, 2]));
}

#[test]
fn edges_are_as_documented() {
    let names = |formula: &str| small(formula).unwrap().feature_names().to_vec();
    let table = Table::parse("t.csv", SMALL).unwrap();
    for (formula, intercept) in [("y ~ 1", true), ("y ~ 0", false), ("~ x - x", true)] {
        let encoder = small(formula).unwrap();
        assert_eq!((encoder.has_intercept(), encoder.encode_inputs(&table).unwrap()), (intercept, vec![]));
    }
    assert_eq!(names("y ~ factor(g, ref='b') + Q('x')"), ["g=a", "g=c", "x"]);
    assert_eq!(names("y ~ C(b) + b"), ["b=true", "b"]);
    assert_eq!(names("y ~ 0 + C(b)"), ["b=false", "b=true"]);
    // Two codings of one column have different names.
    assert_eq!(names("y ~ g + C(g, Sum):x"), ["g=b", "g=c", "C(g, Sum)[a]:x", "C(g, Sum)[b]:x", "C(g, Sum)[c]:x"]);
    assert_eq!(names("y ~ g:x + C(g, ref='b')"), ["C(g, ref=\"b\")=a", "C(g, ref=\"b\")=c", "g=a:x", "g=b:x", "g=c:x"]);
    // The response is not among the others, whatever its function.
    assert_eq!(names("log(y) ~ . - d - g"), ["x", "b"]);
    assert!(matches!(small("~ x").unwrap().encode_response(&table), Err(DataError::NoResponse)));
    assert_eq!(small("b ~ x").unwrap().encode_response(&table).unwrap(), [1.0, 0.0, 1.0]);
    // A column with one category adds nothing to an intercept.
    let one = Table::parse("t.csv", "y,g\n1,a\n2,a\n").unwrap();
    let fit = |text: &str| text.parse::<Formula>().unwrap().fit(&one).unwrap();
    assert_eq!(fit("y ~ g").terms()[0].features(), 0..0);
    assert_eq!(fit("y ~ 0 + g").feature_names(), ["g=a"]);
    let texts: String = (0..1001).map(|i| format!("w{i}\n")).collect();
    let many = Table::parse("t.csv", format!("g\n{texts}").as_str()).unwrap();
    let fit = |text: &str| text.parse::<Formula>().unwrap().fit(&many);
    assert!(matches!(fit("~ g"), Err(DataError::TooManyCategories { count: 1001, .. })));
    assert_eq!(fit("~ C(g)").unwrap().feature_names().len(), 1000);
}

#[test]
fn a_damaged_encoder_is_an_error() {
    let encoder = small("y ~ g + C(b, ref=False) + poly(x, 2) + scale(x) + bs(y, df=3)").unwrap();
    let good = serde_json::to_value(&encoder).unwrap();
    let states = good["states"].as_object().unwrap();
    assert_eq!(states.len(), 5, "{states:?}");
    for (name, state) in states {
        // Without a state a column is one of numbers, which is another encoder and no damage.
        let mut value = good.clone();
        value["states"].as_object_mut().unwrap().remove(name);
        assert_eq!(serde_json::from_value::<FormulaEncoder>(value).is_err(), name != "g", "{name}");
        for (key, found) in state.as_object().unwrap() {
            let list = |items: Vec<Value>| Value::Array(items);
            let bad = [Value::Null, list(vec![]), list(vec![found.clone()]), Value::from(-1.0), Value::from("x")];
            for bad in bad.into_iter().filter(|bad| bad != found && !(key == "center" && bad.is_number())) {
                let mut value = good.clone();
                value["states"][name][key] = bad.clone();
                let read = serde_json::from_value::<FormulaEncoder>(value);
                assert!(read.is_err(), "{name} {key} {bad}");
            }
        }
    }
    for (name, key, bad) in [
        ("g", "categories", serde_json::json!(["a", "a"])),
        ("C(b, ref=\"False\")", "categories", serde_json::json!(["true"])),
        ("poly(x, 2)", "norms2", serde_json::json!([3.0, 0.0, 1.0])),
        ("bs(y, df=3)", "knots", serde_json::json!([1, 1, 1, 1, 1, 1, 1, 1])),
        ("bs(y, df=3)", "knots", serde_json::json!([3, 3, 3, 3, 1, 1, 1, 1])),
    ] {
        let mut value = good.clone();
        assert!(!value["states"][name].is_null(), "{name}");
        value["states"][name][key] = bad;
        assert!(serde_json::from_value::<FormulaEncoder>(value).is_err(), "{name}");
    }
    let mut value = good.clone();
    value["formula"] = Value::from("y ~ (");
    assert!(serde_json::from_value::<FormulaEncoder>(value).is_err());
}

/// Formulas of which a design would fill the memory, or whose parentheses would fill the stack.
#[test]
fn explosions_are_errors() {
    let categories: String = (0..300).map(|i| format!("a{i},b{i},{i}\n")).collect();
    let table = Table::parse("t.csv", format!("a,b,y\n{categories}").as_str()).unwrap();
    let fit = |text: &str| text.parse::<Formula>().map_err(DataError::from).and_then(|formula| formula.fit(&table));
    assert!(matches!(fit("y ~ a*b"), Err(DataError::FormulaSize { limit: 65_536, .. })));
    let many = (0..40).map(|i| format!("C(a, ref=\"a{i}\")")).collect::<Vec<_>>().join(":");
    assert!(matches!(fit(&format!("y ~ {many}")), Err(DataError::FormulaSize { .. })));
    for text in [
        "(".repeat(100_000),
        format!("{}x{}", "(".repeat(100_000), ")".repeat(100_000)),
        "I(".repeat(100_000),
        format!("I({}x)", "-".repeat(100_000)),
        format!("bs(x, knots={}", "[".repeat(100_000)),
        format!("I(x{})", "+x".repeat(100_000)),
        format!("I(x{})", "**x".repeat(100_000)),
        format!("x{}", ":x".repeat(100_000)),
        format!("x{}", "/x".repeat(100_000)),
        format!("x{}", "^2".repeat(100_000)),
        "log".to_owned() + &"(log".repeat(100_000),
    ] {
        assert!(text.parse::<Formula>().is_err(), "{}…", &text[..20]);
    }
    for text in [format!("x{}", "+x".repeat(100_000)), format!("{}x", "-".repeat(100_000))] {
        assert!(text.parse::<Formula>().is_ok());
    }
}

/// Returns random whole numbers below a bound: Knuth's linear congruential generator.
fn generator() -> impl FnMut(usize) -> usize {
    let mut state = 1u64;
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    }
}

/// Encoders with random characters replaced: they are errors, or encode without a panic.
#[test]
fn randomly_damaged_encoders_do_not_panic() {
    const PIECES: &[&str] =
        &["0", "9", "-", "e9", "null", "[", "]", "{", "}", ",", ":", "\"", "a", ".", "(", ")", "1,", "true"];
    let mut random = generator();
    let mut good = 0;
    for case in &cases() {
        let table = table(&format!("{}-new", text(case, "table")));
        let json: Vec<char> = serde_json::to_string(&fit(case)).unwrap().chars().collect();
        for _ in 0..200 {
            let mut damaged: Vec<String> = json.iter().map(char::to_string).collect();
            for _ in 0..=random(2) {
                let at = random(damaged.len());
                damaged[at] = PIECES[random(PIECES.len())].into();
            }
            let Ok(encoder) = serde_json::from_str::<FormulaEncoder>(&damaged.concat()) else { continue };
            good += 1;
            if let Ok(inputs) = encoder.encode_inputs(&table) {
                assert!(inputs.iter().all(|value| value.is_finite()));
            }
        }
    }
    assert!(good > 100, "{good} damaged encoders were read");
}

/// Random texts: nothing panics, and what is a formula survives being written.
#[test]
fn random_texts_are_formulas_or_errors() {
    const PIECES: &[&str] = &[
        "y",
        "x",
        "g",
        "b",
        "d",
        "~",
        "+",
        "-",
        "*",
        "/",
        ":",
        "^",
        "**",
        "%in%",
        "(",
        ")",
        "[",
        "]",
        ",",
        "=",
        "<",
        "==",
        "|",
        ".",
        "0",
        "1",
        "2",
        "3",
        "-1",
        "1e3",
        "2.5",
        "\"a\"",
        "'b'",
        "`x`",
        "`",
        "\"",
        "\\",
        " ",
        "log(",
        "I(",
        "C(",
        "poly(",
        "bs(",
        "cr(",
        "cc(",
        "scale(",
        "center(",
        "offset(",
        "np.log1p(",
        "Treatment(",
        "c(",
        "Sum",
        "Poly",
        "ref=",
        "df=",
        "levels=",
        "knots=",
        "degree=",
        "True",
        "None",
        "é",
        "\u{202e}",
        "\n",
        "%",
        "$",
        "1e400",
        "x)",
        "g)",
        ", 2)",
        "df=3)",
    ];
    let table = Table::parse("t.csv", SMALL).unwrap();
    let mut random = generator();
    let seeds: Vec<String> = cases().iter().map(|case| text(case, "formula").to_owned()).collect();
    let (mut good, mut fitted) = (0, 0);
    for round in 0..60_000 {
        let text = if round % 2 == 0 {
            (0..random(12)).map(|_| PIECES[random(PIECES.len())]).collect::<String>()
        } else {
            // A formula with some characters replaced by pieces.
            let mut characters: Vec<String> = seeds[random(seeds.len())].chars().map(String::from).collect();
            for _ in 0..=random(3) {
                let at = random(characters.len());
                characters[at] = PIECES[random(PIECES.len())].into();
            }
            characters.concat()
        };
        let Ok(formula) = text.parse::<Formula>() else { continue };
        good += 1;
        let written = formula.to_string();
        let again: Formula = written.parse().unwrap_or_else(|e| panic!("{text:?} is written {written:?}: {e}"));
        assert_eq!(again, formula, "{text:?} is written {written:?}");
        if let Ok(encoder) = formula.fit(&table) {
            fitted += 1;
            assert_eq!(encoder.encode_inputs(&table).unwrap().len(), 3 * encoder.feature_names().len(), "{text:?}");
            let json = serde_json::to_string(&encoder).unwrap();
            assert_eq!(serde_json::from_str::<FormulaEncoder>(&json).unwrap(), encoder, "{text:?}");
        }
    }
    assert!(good > 1000 && fitted > 100, "{good} formulas, {fitted} fitted");
}
