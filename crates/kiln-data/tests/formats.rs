//! Files of NumPy and Arrow beside their values (`tests/reference/gen/make_tables.py`).

use std::{
    fs,
    path::{Path, PathBuf},
};

use kiln_data::{Column, ColumnKind, DataError, Dates, Table, TableOptions};
use serde_json::Value;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn read(name: &str) -> Result<Table, DataError> {
    Table::read(&file(name))
}

/// Compares the files whose names end with `ending` with Python's values. Every number is the nearest one, so it is equal.
fn compare(endings: &[&str]) {
    let expected: Value = serde_json::from_slice(&fs::read(file("tables.json")).unwrap()).unwrap();
    let expected = expected.as_object().unwrap();
    let chosen = expected.iter().filter(|(name, _)| endings.iter().any(|ending| name.ends_with(ending)));
    let mut files = 0;
    for (name, columns) in chosen {
        files += 1;
        let table = read(name).unwrap_or_else(|error| panic!("{error}"));
        let days =
            Table::read_with(&file(name), &TableOptions { dates: Dates::Days, ..TableOptions::default() }).unwrap();
        let columns = columns.as_array().unwrap();
        let names: Vec<_> = columns.iter().map(|column| column["name"].as_str().unwrap()).collect();
        assert_eq!(table.columns().iter().map(Column::name).collect::<Vec<_>>(), names, "{name}");
        assert_eq!(table.sha256().len(), 64);
        for ((column, days), expected) in table.columns().iter().zip(days.columns()).zip(columns) {
            let context = format!("{name}, {}", column.name());
            let kind = serde_json::to_value(column.kind()).unwrap();
            assert_eq!(kind, expected["kind"], "{context}");
            let values = expected["values"].as_array().unwrap();
            assert_eq!(column.len(), values.len(), "{context}");
            let column = if column.kind() == ColumnKind::Date { days } else { column };
            for (row, value) in values.iter().enumerate() {
                match column.kind() {
                    ColumnKind::Numeric => assert_eq!(column.number(row), value.as_f64(), "{context}, row {row}"),
                    _ => {
                        let value =
                            value.as_bool().map(|truth| truth.to_string()).or(value.as_str().map(str::to_owned));
                        assert_eq!(column.text(row).as_deref(), value.as_deref(), "{context}, row {row}");
                    }
                }
            }
        }
    }
    assert!(files > 3, "{files} files");
}

/// Cuts a file at every 50th byte and changes bytes of it: an error or a table, and never a panic. Returns how many were errors.
fn damage(name: &str) -> [usize; 2] {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(file(name)).unwrap();
    let path = folder.path().join(name);
    let is_refused = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        usize::from(Table::read(&path).is_err())
    };
    let cut = (8..whole.len()).step_by(50).map(|cut| is_refused(&whole[..cut])).sum();
    let mut changed = 0;
    for at in (0..whole.len()).step_by(1 + whole.len() / 150) {
        for with in [0x01, 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] ^= with;
            changed += is_refused(&damaged);
        }
    }
    [cut, changed]
}

#[test]
fn numpy_files_have_numpys_values() {
    compare(&[".npy", ".npz"]);
}

#[test]
fn other_arrays_are_refused_with_a_reason() {
    for (name, part) in [
        ("refused-objects.npy", "refused-objects.npy: it holds Python objects"),
        ("refused-objects.npz", "array 'y': it holds Python objects"),
        ("refused-rows.npz", "array 'x' has 40 rows, and array 'y' has 39"),
        ("refused-scalar.npz", "array 'seed': it has 0 dimensions"),
        ("refused-complex.npy", "values of type '<c16'"),
        ("refused-cube.npy", "it has 3 dimensions"),
        ("refused-sparse.npz", "sparse matrix"),
    ] {
        let message = read(name).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
        assert!(message.contains(name) && !message.contains('\n'), "{message}");
    }
}

#[test]
fn damaged_numpy_files_are_refused() {
    for name in ["matrix-c.npy", "records.npy", "arrays.npz", "arrays-packed.npz", "refused-sparse.npz"] {
        let cuts = (8..fs::read(file(name)).unwrap().len()).step_by(50).count();
        let [cut, changed] = damage(name);
        assert_eq!(cut, cuts, "{name}");
        assert!(changed > 20, "{name}: {changed}");
    }
}

/// The sizes in a header are compared with the file before memory is reserved.
#[test]
fn a_header_cannot_ask_for_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.npy");
    for (descr, shape) in [
        ("'<f8'", "(1000000000000,)"),
        ("'|S0'", "(1000000000000,)"),
        ("'<U0'", "(1000000000000, 1000)"),
        ("[('a', '<U0')]", "(1000000000000,)"),
        ("'<f8'", "(1000000000000, 0)"),
        ("'|V0'", "(18446744073709551615,)"),
        ("'|S18446744073709551615'", "(2,)"),
        ("'|u1'", "(0, 1000000)"),
    ] {
        for order in ["True", "False"] {
            let text = format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}");
            let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
            bytes.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
            bytes.extend(text.bytes());
            fs::write(&path, &bytes).unwrap();
            assert!(Table::read(&path).is_err(), "{text}");
        }
    }
}

#[test]
fn other_zip_files_are_told_from_arrays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.zip");
    // The end of an archive without entries.
    fs::write(&path, [&b"PK\x05\x06"[..], &[0; 18]].concat()).unwrap();
    assert!(Table::read(&path).unwrap_err().to_string().contains("without an array"));
}

#[test]
fn bytes_are_in_an_encoding() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.npy");
    let text = "{'descr': '|S4', 'fortran_order': False, 'shape': (2,), }";
    let bytes = [b"\x93NUMPY\x01\x00\x39\x00", text.as_bytes(), b"abc\0caf\xe9"].concat();
    fs::write(&path, bytes).unwrap();
    let message = Table::read(&path).unwrap_err().to_string();
    assert!(message.contains("row 2 of 'x0' is not UTF-8"), "{message}");
    let options = TableOptions { encoding: Some("latin1".into()), ..TableOptions::default() };
    assert_eq!(Table::read_with(&path, &options).unwrap().columns()[0].text(1).as_deref(), Some("café"));
}

#[test]
fn numbers_of_arrays_can_be_categories_and_marks_missing() {
    let options =
        TableOptions { categorical: vec!["y".into()], na: Some(vec!["blau 😀".into()]), ..TableOptions::default() };
    let table = Table::read_with(&file("arrays.npz"), &options).unwrap();
    let column = |name: &str| table.column(name).unwrap();
    assert_eq!((column("y").kind(), column("y").text(1).as_deref()), (ColumnKind::Categorical, Some("1")));
    assert_eq!(column("group").missing(), 20);
}

#[cfg(feature = "arrow")]
mod arrow {
    use super::*;
    use kiln_data::Note;

    #[test]
    fn arrow_files_have_pyarrows_values() {
        compare(&[".feather", ".arrows"]);
    }

    #[test]
    fn other_columns_are_left_out() {
        let table = read("types-lz4.feather").unwrap();
        let notes = ["list", "struct", "nothing"].map(|column| Note::Unreadable { column: column.into() });
        assert_eq!(table.notes(), notes);
        assert_eq!(read("index.arrow").unwrap().notes(), [Note::Index]);
    }

    #[test]
    fn categories_keep_their_order() {
        for name in ["types-lz4.feather", "types.arrows"] {
            let table = read(name).unwrap();
            // Those that no row has are forgotten.
            assert_eq!(*table.column("category").unwrap().levels().0, ["low", "mid", "high"]);
            assert_eq!(*table.column("number category").unwrap().levels().0, ["30", "20", "10"]);
        }
    }

    #[test]
    fn the_first_version_of_feather_is_refused() {
        let message = read("refused-version1.feather").unwrap_err().to_string();
        assert!(message.contains("write_feather(table, file)"), "{message}");
    }

    #[test]
    fn damaged_arrow_files_are_refused() {
        for name in ["types-uncompressed.feather", "types-lz4.feather", "types-zstd.feather"] {
            let cuts = (8..fs::read(file(name)).unwrap().len()).step_by(50).count();
            let [cut, changed] = damage(name);
            assert_eq!(cut, cuts, "{name}");
            assert!(changed > 20, "{name}: {changed}");
        }
        // A stream that ends between two messages is whole.
        for name in ["types.arrows", "delta.arrows"] {
            let [cut, changed] = damage(name);
            assert!(cut > 10 && changed > 20, "{name}: {cut}, {changed}");
        }
    }
}

/// The first entry of a workbook can be called `mimetype` too.
#[test]
fn an_archive_whose_first_array_is_called_mimetype_is_no_spreadsheet() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.npz");
    let mut archive = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    archive.start_file("mimetype.npy", zip::write::SimpleFileOptions::default()).unwrap();
    let array = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/array-le-f8.npy")).unwrap();
    archive.write_all(&array).unwrap();
    archive.finish().unwrap();
    Table::read(&path).unwrap();
}
