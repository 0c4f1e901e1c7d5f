//! The modules of the command line are layers: no file imports one that imports it.

use std::path::Path;

#[test]
fn there_is_no_import_cycle() {
    let cycles = kiln_testkit::import_cycles(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(cycles.is_empty(), "import cycles: {cycles:#?}");
}
