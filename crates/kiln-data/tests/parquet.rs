//! Parquet files beside the same table as text (`tests/reference/gen/make_parquet.py`).
#![cfg(feature = "parquet")]

use std::path::{Path, PathBuf};

use kiln_data::{Column, ColumnKind, DataError, Dates, Note, Table, TableChunks, TableOptions};
use kiln_tensor::world::threads;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

#[test]
fn a_parquet_file_is_the_table_of_its_text() {
    for dates in [Dates::Keep, Dates::Days] {
        let options = TableOptions { dates, ..TableOptions::default() };
        let text = Table::read_with(&file("types.csv"), &options).unwrap();
        for name in ["snappy", "zstd", "gzip", "int96"] {
            let table = Table::read_with(&file(&format!("types-{name}.parquet")), &options).unwrap();
            assert_eq!(table.notes(), [Note::Unreadable { column: "list.list.element".into() }], "{name}");
            let names = |table: &Table| table.columns().iter().map(|c| c.name().to_owned()).collect::<Vec<_>>();
            assert_eq!(names(&table), names(&text));
            assert_eq!((table.len(), table.sha256().len()), (50, 64));
            for (found, expected) in table.columns().iter().zip(text.columns()) {
                let context = format!("{name}, {}", found.name());
                assert_eq!((found.kind(), found.missing()), (expected.kind(), expected.missing()), "{context}");
                (0..50).for_each(|row| same(found, expected, row, &context));
            }
        }
    }
}

fn same(found: &Column, expected: &Column, row: usize, context: &str) {
    match expected.kind() {
        ColumnKind::Numeric => assert_eq!(found.number(row), expected.number(row), "{context}, row {row}"),
        ColumnKind::Date => assert_eq!(found.is_missing(row), expected.is_missing(row)),
        _ => assert_eq!(found.text(row), expected.text(row), "{context}, row {row}"),
    }
}

/// Row groups of 20 rows, and of all, with values that are missing.
#[test]
fn shares_and_chunks_are_the_whole() {
    for name in ["types-snappy.parquet", "types-zstd.parquet", "types-gzip.parquet", "types-int96.parquet"] {
        let (path, options) =
            (file(name), TableOptions { categorical: vec!["text".into()], ..TableOptions::default() });
        let whole = Table::read_with(&path, &options).unwrap();
        for (ranks, most) in [(1, 7), (2, 64), (3, 1), (7, 4), (60, 5)] {
            let found: Vec<Vec<Table>> = threads(ranks, |world| {
                let chunks = TableChunks::open_share(std::slice::from_ref(&path), &options, most, &world).unwrap();
                chunks.map(Result::unwrap).collect()
            });
            let mut row = 0;
            for table in found.iter().flatten() {
                assert!(table.len() <= most);
                for at in 0..table.len() {
                    assert_eq!(table.line(at), whole.line(row));
                    let columns = table.columns().iter().zip(whole.columns());
                    columns.for_each(|(part, all)| assert_eq!(part.text(at), all.text(row), "{name}, row {row}"));
                    row += 1;
                }
            }
            assert_eq!(row, 50, "{name}, {ranks} ranks");
        }
    }
}

#[test]
fn numbers_can_be_categories_and_marks_missing() {
    let path = file("types-zstd.parquet");
    let options = TableOptions {
        categorical: vec!["int64".into(), "uint8".into()],
        na: Some(vec!["-40".into(), "high".into()]),
        ..TableOptions::default()
    };
    let table = Table::read_with(&path, &options).unwrap();
    let column = |name: &str| table.column(name).unwrap();
    assert_eq!(
        (column("int64").kind(), column("int64").text(1).as_deref()),
        (ColumnKind::Categorical, Some("1000000000000"))
    );
    assert_eq!((column("uint8").text(3).as_deref(), column("int64").missing()), (Some("3"), 7));
    assert!(column("int32").is_missing(0) && !column("int32").is_missing(1));
    assert_eq!(column("category").missing(), 16);
}

#[test]
fn the_index_of_pandas_is_left_out() {
    let table = Table::read(&file("index.parquet")).unwrap();
    assert_eq!((table.columns().len(), table.notes()), (2, &[Note::Index][..]));
}

/// A file that is cut or damaged anywhere is an error, and never a panic.
#[test]
fn damaged_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(file("types-snappy.parquet")).unwrap();
    let path = folder.path().join("t.parquet");
    for cut in (4..whole.len()).step_by(97) {
        std::fs::write(&path, &whole[..cut]).unwrap();
        assert!(
            matches!(Table::read(&path), Err(DataError::DamagedParquet { .. } | DataError::Parquet { .. })),
            "cut at {cut}"
        );
    }
    let mut refused = 0;
    for at in (0..whole.len()).step_by(13) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        std::fs::write(&path, &damaged).unwrap();
        refused += usize::from(Table::read(&path).is_err());
    }
    assert!(refused > 20, "{refused}");
}
