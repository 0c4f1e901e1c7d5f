//! Folds without shuffling beside scikit-learn's.

use kiln_data::Folds;
use kiln_testkit::reference;
use serde_json::Value;

fn indices(value: &Value) -> Vec<usize> {
    value.as_array().expect("an array").iter().map(|index| index.as_u64().expect("an index") as usize).collect()
}

#[test]
fn folds_are_those_of_scikit_learn() {
    let (reference, mut compared) = (reference("folds"), 0);
    for case in reference["cases"].as_array().unwrap() {
        let k = case["k"].as_u64().unwrap() as usize;
        let input = &case["input"];
        let folds = match case["kind"].as_str().unwrap() {
            "k-fold" => Folds::k_fold(input.as_u64().unwrap() as usize, k, None),
            "stratified" => Folds::stratified(&indices(&reference["columns"][input.as_str().unwrap()]), k, None),
            "grouped" => {
                let groups = reference["columns"][input.as_str().unwrap()].as_array().unwrap();
                match groups[0].as_str() {
                    Some(_) => Folds::grouped(&groups.iter().map(|text| text.as_str().unwrap()).collect::<Vec<_>>(), k),
                    None => Folds::grouped(&groups.iter().map(|n| n.as_i64().unwrap()).collect::<Vec<_>>(), k),
                }
            }
            other => panic!("a kind that this test does not know: {other}"),
        }
        .unwrap();
        let expected = indices(&case["folds"]);
        assert_eq!(folds.fold_of_row(), expected, "{} {input} {k}", case["kind"]);
        assert_eq!(folds, Folds::from_column(&expected).unwrap());
        compared += 1;
    }
    assert_eq!(compared, 31);
}
