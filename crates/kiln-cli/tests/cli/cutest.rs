//! Small problems of the CUTEst collection as files, beside the minima that Ipopt, SLSQP and trust-constr found.

use kiln_testkit::reference;
use serde_json::Value;

use crate::common::Place;

/// Feasible problems that a method does not solve. himmelbd has a local minimum of the violation near its start, where all peers stop, and no
/// multipliers exist at the minimum of hs13. SLSQP solves hs108 and polak4, and at hs54 it stops at a plateau, as SQP does.
const NOT_BY_SQP: [&str; 6] = ["hatfldf", "himmelbd", "hs108", "hs13", "hs54", "polak4"];
/// wachbieg is Wächter and Biegler's example of a problem that such methods do not solve; Ipopt does not either. Ipopt solves hs57 and spiral.
const NOT_BY_INTERIOR_POINT: [&str; 5] = ["himmelbd", "hs13", "hs57", "spiral", "wachbieg"];

fn file(name: &str) -> String {
    format!("{}/../../tests/reference/cutest/{name}.toml", env!("CARGO_MANIFEST_DIR"))
}

/// Solves all problems with constraints. Returns those that are not solved.
fn unsolved(method: &str) -> Vec<String> {
    let (place, mut unsolved) = (Place::new(), Vec::new());
    for row in reference("cutest")["problems"].as_array().unwrap() {
        let name = row["problem"].as_str().unwrap();
        if row["constraints"] == 0 {
            continue;
        }
        let done = place.run(&format!("solve {} --json {method}", file(name)));
        let found: Value = serde_json::from_str(&done.stdout).unwrap_or(Value::Null);
        let is_infeasible = row["kind"] == "infeasible";
        if found["success"] != Value::Bool(true) {
            assert_eq!(done.code, Some(3), "{name}: {}", done.stderr);
            if !is_infeasible {
                unsolved.push(name.to_owned());
            }
            continue;
        }
        assert!(!is_infeasible, "{name} by {method} has no feasible point, and is called solved");
        // A minimum that some peer found, or the published one. Degenerate problems end at the digits that their conditions allow.
        let value = found["fun"].as_f64().unwrap();
        let known = row["minima"]
            .as_array()
            .unwrap()
            .iter()
            .chain(std::iter::once(&row["published"]))
            .filter_map(Value::as_f64);
        let tolerance = if row["kind"] == "degenerate" { 1e-4 } else { 1e-6 };
        let is_known = known.into_iter().any(|known| (value - known).abs() <= tolerance * known.abs().max(1.0));
        assert!(is_known, "{name} by {method} ends at {value}, which is no known minimum: {}", row["minima"]);
    }
    unsolved
}

#[test]
fn sequential_quadratic_programming_solves_the_collection() {
    assert_eq!(unsolved("--method sqp"), NOT_BY_SQP);
}

#[test]
fn the_interior_point_method_solves_the_collection() {
    assert_eq!(unsolved("--method interior-point"), NOT_BY_INTERIOR_POINT);
}
