//! The modules of this crate import one another in one direction only.

use std::path::Path;

#[test]
fn the_modules_have_no_import_cycle() {
    let cycles = kiln_testkit::import_cycles(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let lines: Vec<String> = cycles.iter().map(|cycle| cycle.join(" -> ")).collect();
    assert!(lines.is_empty(), "import cycles:\n{}", lines.join("\n"));
}
