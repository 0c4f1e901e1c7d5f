//! What `kiln devices` lists, by the features that this build has.

use std::process::Command;

fn devices() -> Vec<serde_json::Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_kiln")).args(["devices", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[cfg(feature = "flex")]
#[test]
fn flex_is_listed_with_both_float_types() {
    let flex = devices().into_iter().find(|d| d["name"] == "flex").expect("flex is compiled in");
    assert_eq!((flex["kind"].as_str(), flex["backend"].as_str()), (Some("cpu"), Some("flex")));
    for dtype in ["f32", "f64"] {
        assert!(flex["dtypes"].as_array().unwrap().contains(&dtype.into()), "{flex}");
    }
}

/// Skipped without an adapter, unless `KILN_EXPECT_ADAPTER` says that there must be one.
#[cfg(feature = "wgpu")]
#[test]
fn the_wgpu_adapter_is_listed_by_its_own_name() {
    let Some(adapter) = devices().into_iter().find(|d| d["backend"] == "wgpu") else {
        assert!(std::env::var_os("KILN_EXPECT_ADAPTER").is_none(), "wgpu finds no adapter on this machine");
        eprintln!("skipped: wgpu finds no adapter on this machine");
        return;
    };
    assert_eq!(adapter["name"], "wgpu:0");
    assert!(!adapter["description"].as_str().unwrap().is_empty());
    assert!(adapter["dtypes"].as_array().unwrap().contains(&"f32".into()), "{adapter}");
}
