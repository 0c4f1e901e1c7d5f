//! Several files as one table.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kiln_data::{Column, ColumnKind, DataError, Dates, Encoder, Table, TableChunks, TableOptions};
use sha2::{Digest, Sha256};

struct Files(tempfile::TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        files.iter().for_each(|(name, text)| fs::write(folder.path(name), text).unwrap());
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn all(&self, options: &TableOptions) -> Result<Table, DataError> {
        Table::read_all(&[self.0.path().into()], options)
    }
}

fn read(files: &[(&str, &str)]) -> Result<Table, DataError> {
    Files::new(files).all(&TableOptions::default())
}

fn texts(column: &Column) -> Vec<String> {
    (0..column.len()).map(|row| column.text(row).unwrap_or_default().into_owned()).collect()
}

#[test]
fn a_folder_is_its_table_files_in_order() {
    let files =
        Files::new(&[("b.csv", "y,x\nu,3\n"), ("a.tsv", "x\ty\n1\tv\n\n2\tw\n"), ("README.md", "x"), ("_SUCCESS", "")]);
    fs::write(files.path(".hidden.csv"), "z\n1\n").unwrap();
    fs::create_dir(files.path("c.csv")).unwrap();
    let table = files.all(&TableOptions::default()).unwrap();
    assert_eq!(
        (table.columns()[0].numbers(), texts(&table.columns()[1])),
        (Some(&[1.0, 2.0, 3.0][..]), vec!["v".into(), "w".into(), "u".into()])
    );
    let places: Vec<_> = (0..3)
        .map(|row| table.place(row))
        .map(|(file, line)| (Path::new(file).file_name().unwrap().to_str().unwrap(), line))
        .collect();
    assert_eq!(places, [("a.tsv", 2), ("a.tsv", 4), ("b.csv", 2)]);
    assert_eq!(table.file(), files.0.path().to_str().unwrap());
    // As sha256sum writes them.
    let line = |name: &str| {
        let digest = Sha256::digest(fs::read(files.path(name)).unwrap());
        format!("{}  {name}\n", digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    };
    let both = Sha256::digest(line("a.tsv") + &line("b.csv"));
    assert_eq!(table.sha256(), both.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let some = table.subset(&[2, 0]);
    assert!(some.place(0).0.ends_with("b.csv") && some.place(1).0.ends_with("a.tsv"));
}

#[test]
fn other_columns_are_named() {
    let message = read(&[("a.csv", "x,y\n1,2\n"), ("b.csv", "z,x\n1,2\n")]).unwrap_err().to_string();
    assert!(message.contains("b.csv lacks y, and has also z, beside ") && message.contains("a.csv"), "{message}");
    let message = read(&[("a.csv", "x,y\n1,2\n"), ("b.csv", "y\n1\n")]).unwrap_err().to_string();
    assert!(message.contains("b.csv lacks x, beside"), "{message}");
    assert!(matches!(read(&[("a.md", "x\n1\n")]), Err(DataError::NoTableFiles { .. })));
    assert!(matches!(Table::read_all(&[], &TableOptions::default()), Err(DataError::NoTableFiles { .. })));
    assert!(
        matches!(read(&[("a.csv", "x\n1\n"), ("b.csv", "x\n")]), Err(DataError::NoRows { file }) if file.ends_with("b.csv"))
    );
}

/// Also the numbers of a long file keep their texts, which the reader forgets otherwise.
#[test]
fn texts_in_one_file_are_texts_in_all() {
    let long: String = (0..3000).map(|i| format!("{i:05}\n")).collect();
    let words: String = (0..3000).map(|i| format!("w{i}\n")).collect();
    let table = read(&[("a.csv", &format!("x\n{long}")), ("b.csv", &format!("x\n{words}"))]).unwrap();
    let column = &table.columns()[0];
    assert_eq!((column.kind(), column.stray_text()), (ColumnKind::Categorical, None));
    assert_eq!((column.text(7).as_deref(), column.text(3007).as_deref()), (Some("00007"), Some("w7")));
    // A file without values has no say.
    let table = read(&[("a.csv", "x,y\n,1\n"), ("b.csv", "x,y\n5,2\n"), ("c.csv", "x,y\nNA,3\n")]).unwrap();
    assert_eq!(
        (table.columns()[0].kind(), table.columns()[0].number(1), table.columns()[0].missing()),
        (ColumnKind::Numeric, Some(5.0), 2)
    );
    let table = read(&[("a.csv", "x,y\ntrue,1\n"), ("b.csv", "x,y\nNA,2\n"), ("c.csv", "x,y\nfalse,3\n")]).unwrap();
    assert_eq!(table.columns()[0].kind(), ColumnKind::Boolean);
}

/// What is a slip in one file is one in several.
#[test]
fn a_slip_is_named_with_its_file() {
    let numbers: String = (0..2000).map(|i| format!("{i}\n")).collect();
    let table = read(&[("a.csv", &format!("x\n{numbers}")), ("b.csv", "x\n1\nabc\n")]).unwrap();
    assert_eq!(table.columns()[0].stray_text(), Some(2001));
    let message = Encoder::fit_all(&table, None, true).unwrap_err().to_string();
    assert!(message.contains("b.csv, line 3") && message.contains("'abc'"), "{message}");
    let table = read(&[("a.csv", "x,y\n1,2\n"), ("b.csv", "x,y\n3,4\n5,\n")]).unwrap();
    let message = Encoder::fit_all(&table, None, true).unwrap_err().to_string();
    assert!(message.contains("b.csv line 3 column 'y'"), "{message}");
}

#[test]
fn dates_stay_dates() {
    let files = Files::new(&[("a.csv", "d,x\n1970-01-02,1\n"), ("b.csv", "d,x\n1970-01-11,2\n")]);
    let table = files.all(&TableOptions::default()).unwrap();
    assert_eq!(
        (table.columns()[0].kind(), table.columns()[0].text(1).as_deref()),
        (ColumnKind::Date, Some("1970-01-11"))
    );
    let days = TableOptions { dates: Dates::Days, ..TableOptions::default() };
    assert_eq!(files.all(&days).unwrap().columns()[0].numbers(), Some(&[1.0, 10.0][..]));
    // A number is no date.
    fs::write(files.path("c.csv"), "d,x\n17,2\n").unwrap();
    assert_eq!(files.all(&days).unwrap().columns()[0].kind(), ColumnKind::Categorical);
}

#[test]
fn formats_may_differ() {
    let files = Files::new(&[("a.csv", "x0,x1,x2\n1,2,3\n")]);
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/matrix-c.npy"), files.path("b.npy")).unwrap();
    let table = files.all(&TableOptions::default()).unwrap();
    assert_eq!((table.len(), table.columns().len(), table.place(40).1), (41, 3, 40));
    // A single file is read as it is.
    let one = Table::read_all(&[files.path("a.csv")], &TableOptions::default()).unwrap();
    assert_eq!(one, Table::read(&files.path("a.csv")).unwrap());
}

#[test]
fn parts_are_those_of_the_whole() {
    let files = Files::new(&[("a.csv", "x2,x0,x1\n3,1,2\n6,4,5\n9,7,8\n")]);
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/matrix-c.npy"), files.path("b.npy")).unwrap();
    let (paths, options) = ([files.0.path().to_path_buf()], TableOptions::default());
    let whole = Table::read_all(&paths, &options).unwrap();
    for most in [1, 2, 7, 100] {
        let mut row = 0;
        for part in TableChunks::open_all(&paths, &options, most).unwrap() {
            let part = part.unwrap();
            assert!(part.len() <= most && part.sha256().is_empty());
            for at in 0..part.len() {
                assert_eq!(part.place(at), whole.place(row));
                for (part, whole) in part.columns().iter().zip(whole.columns()) {
                    assert_eq!((part.name(), part.number(at)), (whole.name(), whole.number(row)));
                }
                row += 1;
            }
        }
        assert_eq!(row, 43);
    }
    fs::write(files.path("c.csv"), "x0,x1\n1,2\n").unwrap();
    let last = TableChunks::open_all(&paths, &options, 30).unwrap().last();
    assert!(matches!(last, Some(Err(DataError::OtherColumns { file, .. })) if file.ends_with("c.csv")));
    assert!(TableChunks::open_all(&[], &options, 1).is_err());
}
