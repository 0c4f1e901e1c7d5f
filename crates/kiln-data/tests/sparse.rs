//! Files that scikit-learn wrote, beside what it reads from them (`tests/reference/gen/make_tables.py`).

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use kiln_data::{DataError, SparseExamples, SparseOptions};
use serde_json::Value;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn read(path: &Path) -> Result<SparseExamples, DataError> {
    SparseExamples::read(path, &SparseOptions::default())
}

#[test]
fn rows_are_those_of_scikit_learn() {
    let expected: Value = serde_json::from_slice(&fs::read(file("sparse.json")).unwrap()).unwrap();
    for (name, expected) in expected.as_object().unwrap() {
        let rows = read(&file(name)).unwrap();
        let numbers = |key: &str| -> Vec<f64> {
            expected[key].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
        };
        let of = |found: &[u32]| found.iter().map(|index| f64::from(*index)).collect::<Vec<_>>();
        assert_eq!(rows.features() as u64, expected["features"].as_u64().unwrap(), "{name}");
        assert_eq!(of(rows.indices()), numbers("indices"), "{name}");
        assert_eq!(rows.indptr().iter().map(|at| *at as f64).collect::<Vec<_>>(), numbers("indptr"), "{name}");
        // Both read the nearest number.
        assert_eq!((rows.values(), rows.targets()), (&numbers("values")[..], &numbers("targets")[..]), "{name}");
        let queries = rows.queries().unwrap_or_default().iter().map(|query| *query as f64).collect::<Vec<_>>();
        assert_eq!(queries, numbers("queries"), "{name}");
        assert_eq!(rows.is_zero_based(), name == "classes-zero.svm");
        assert_eq!(
            rows.class_names().len(),
            [2, 4, 0][["classes-one.svm", "classes-zero.svm", "ranking.svm"].iter().position(|n| n == name).unwrap()]
        );
    }
}

#[test]
fn files_may_be_compressed() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read(file("ranking.svm")).unwrap();
    let expected = read(&file("ranking.svm")).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&text).unwrap();
    for (name, bytes) in [("a.svm.gz", gzip.finish().unwrap()), ("a.svm.zst", zstd::encode_all(&text[..], 3).unwrap())]
    {
        let path = folder.path().join(name);
        fs::write(&path, &bytes).unwrap();
        let rows = read(&path).unwrap();
        assert_eq!((rows.values(), rows.indptr(), rows.sha256().len()), (expected.values(), expected.indptr(), 64));
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(matches!(read(&path), Err(DataError::TruncatedGzip { .. } | DataError::CorruptZstd { .. })));
    }
}

/// A file that is cut or damaged anywhere is an error or other rows, and never a panic.
#[test]
fn damaged_files_are_no_panic() {
    let whole = fs::read(file("ranking.svm")).unwrap();
    let parse = |bytes: &[u8]| SparseExamples::parse("t", bytes, &SparseOptions::default());
    (0..whole.len()).step_by(50).for_each(|cut| drop(parse(&whole[..cut])));
    let mut refused = 0;
    for at in 0..whole.len() {
        for with in [0x01, 0x10, 0x80] {
            let mut damaged = whole.clone();
            damaged[at] ^= with;
            refused += usize::from(parse(&damaged).is_err());
        }
    }
    assert!(refused > 1000, "{refused}");
}
