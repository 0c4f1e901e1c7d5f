//! The fuzzer itself.

use std::{fs, path::Path};

use kiln_fuzz::{Random, Session, mutate};

/// The fuzzer finds what is there to be found: a panic three bytes away from the seed.
#[test]
fn the_fuzzer_finds_a_planted_fault() {
    let found = std::panic::catch_unwind(|| {
        Session::new("planted").seconds(1.0).seed("schedule: 12").words(&["fault"]).run(|input| {
            assert!(!input.windows(5).any(|word| word == b"fault"), "the planted fault");
            Ok("no fault".into())
        });
    });
    let report = *found.expect_err("it is found").downcast::<String>().expect("a message");
    assert!(report.contains("the planted fault") && report.contains("failures/planted/"), "{report}");
    let folder = kiln_fuzz::session::home().join("failures/planted");
    let kept: Vec<Vec<u8>> =
        fs::read_dir(&folder).expect("the folder").flatten().map(|e| fs::read(e.path()).expect("a file")).collect();
    assert!(kept.contains(&b"fault".to_vec()), "the input is made as small as it can be: {kept:?}");
    fs::remove_dir_all(Path::new(&folder)).expect("a folder that can be removed");
}

/// Mutations depend on the seed alone.
#[test]
fn mutations_repeat() {
    let mutations = |seed| {
        let mut random = Random::new(seed);
        (0..50).map(|_| mutate::bytes(&mut random, b"a,b\n1,2\n", &["NA"])).collect::<Vec<_>>()
    };
    assert!(mutations(1) == mutations(1) && mutations(1) != mutations(2));
}
