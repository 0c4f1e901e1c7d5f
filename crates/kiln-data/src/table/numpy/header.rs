//! The header of a NumPy array: the type and the number of its values, and where they are.

use std::io::Read;

use super::{
    dtype::{Problem, Scalar},
    literal::Literal,
};

/// The first bytes of every array.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";
/// The longest header, in bytes. NumPy itself reads 10,000 by default.
const LONGEST: u64 = 1 << 20;
/// The largest number of columns.
const MOST_COLUMNS: u64 = 1 << 20;

/// The header of an array that is a table.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) rows: u64,
    /// The columns in the order of the file. Each part has a value of each of its fields for the first row, for the second one, and
    /// so on.
    pub(super) parts: Vec<Record>,
    /// The bytes before the values.
    pub(super) length: u64,
}

/// Fields that are beside each other in the file.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) fields: Vec<Field>,
    /// Bytes from one row to the next.
    pub(super) size: u64,
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) offset: u64,
    pub(super) scalar: Scalar,
}

/// A header as it is written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) descr: Literal,
    pub(super) is_fortran: bool,
    pub(super) shape: Vec<u64>,
    /// The bytes before the values.
    pub(super) length: u64,
}

impl Written {
    pub(super) fn read(reader: &mut impl Read) -> Result<Self, Problem> {
        let (text, length) = read_text(reader)?;
        let header = Literal::parse(text.trim_end()).ok_or("its header is not one that NumPy writes")?;
        let parts = (header.get("descr"), header.get("fortran_order"), header.get("shape"));
        let (Some(descr), Some(Literal::Truth(is_fortran)), Some(Literal::List(shape))) = parts else {
            return Err("its header lacks 'descr', 'fortran_order' or 'shape'".into());
        };
        let size = |size: &Literal| if let Literal::Number(size) = size { Some(*size) } else { None };
        let shape: Vec<u64> =
            shape.iter().map(size).collect::<Option<_>>().ok_or("its shape is not made of numbers")?;
        Ok(Self { descr: descr.clone(), is_fortran: *is_fortran, shape, length })
    }
}

impl Header {
    /// Reads the header of an array. `group` is its name in an archive, from which the names of its columns are made.
    pub(super) fn read(reader: &mut impl Read, group: Option<&str>) -> Result<Self, Problem> {
        let Written { descr, is_fortran, shape, length } = Written::read(reader)?;
        let (rows, width) = match shape[..] {
            [rows] => (rows, None),
            [rows, width] => (rows, Some(width)),
            _ => {
                let n = shape.len();
                return Err(
                    format!("it has {n} dimensions, and a table has 2: use `array.reshape(len(array), -1)`").into()
                );
            }
        };
        if width.is_some_and(|width| width > MOST_COLUMNS) {
            return Err(format!("it has {} columns, more than {MOST_COLUMNS}", width.unwrap_or(0)).into());
        }
        let parts = match &descr {
            Literal::Text(code) => plain(Scalar::parse(code)?, group, width, is_fortran),
            _ if width.is_some() => return Err("it is a matrix of structures: use one dimension".into()),
            descr => {
                let mut record = Record { fields: Vec::new(), size: 0 };
                let prefix = group.map(|group| format!("{group}.")).unwrap_or_default();
                record.add_structure(descr, &prefix)?;
                vec![record]
            }
        };
        Ok(Self { rows, parts, length })
    }

    /// Returns the number of bytes of the values, if it is one that a file can have.
    pub(super) fn bytes(&self) -> Option<u64> {
        let size = |record: &Record| self.rows.checked_mul(record.size);
        self.parts.iter().try_fold(0_u64, |sum, record| sum.checked_add(size(record)?))
    }
}

fn read_text(reader: &mut impl Read) -> Result<(String, u64), Problem> {
    let mut start = [0; 8];
    reader.read_exact(&mut start)?;
    if !start.starts_with(MAGIC) {
        return Err("it does not begin as a NumPy array does".into());
    }
    let (before, length) = match start[6] {
        1 => {
            let mut length = [0; 2];
            reader.read_exact(&mut length)?;
            (10, u64::from(u16::from_le_bytes(length)))
        }
        2 | 3 => {
            let mut length = [0; 4];
            reader.read_exact(&mut length)?;
            (12, u64::from(u32::from_le_bytes(length)))
        }
        version => return Err(format!("its format has version {version}, and Kiln reads 1 to 3").into()),
    };
    if length > LONGEST {
        return Err(format!("its header has {length} bytes, more than {LONGEST}").into());
    }
    let mut text = Vec::new();
    if reader.take(length).read_to_end(&mut text)? as u64 != length {
        return Err("it ends within its header".into());
    }
    // Versions 1 and 2 are in Latin-1, where every byte is a character.
    let text = if start[6] == 3 {
        String::from_utf8(text).map_err(|_| "its header is not UTF-8")?
    } else {
        text.iter().map(|byte| char::from(*byte)).collect()
    };
    Ok((text, before + length))
}

/// The columns of an array without names: `x0`, `x1`, …; in an archive `name`, or `name0`, `name1`, ….
fn plain(scalar: Scalar, group: Option<&str>, width: Option<u64>, is_fortran: bool) -> Vec<Record> {
    let size = scalar.size();
    let name = |column: u64| match (group, width) {
        (None, _) => format!("x{column}"),
        (Some(group), None) => group.to_owned(),
        (Some(group), Some(_)) => format!("{group}{column}"),
    };
    let field = |column: u64, offset: u64| Field { name: name(column), offset, scalar: scalar.clone() };
    let width = width.unwrap_or(1);
    if is_fortran {
        return (0..width).map(|column| Record { fields: vec![field(column, 0)], size }).collect();
    }
    let fields = (0..width).map(|column| field(column, column.saturating_mul(size))).collect();
    vec![Record { fields, size: width.saturating_mul(size) }]
}

impl Record {
    /// Adds the fields of a structure, whose names begin with `prefix`.
    fn add_structure(&mut self, descr: &Literal, prefix: &str) -> Result<(), Problem> {
        let strange = || Problem::from("its header describes its type in a way that NumPy does not");
        let Literal::List(fields) = descr else { return Err(strange()) };
        for field in fields {
            let Literal::List(parts) = field else { return Err(strange()) };
            let (name, descr, shape) = match &parts[..] {
                [name, descr] => (name, descr, None),
                [name, descr, Literal::List(shape)] => (name, descr, Some(shape)),
                _ => return Err(strange()),
            };
            let name = match name {
                Literal::Text(name) => name,
                // A title and a name.
                Literal::List(names) if names.len() == 2 && matches!(names[1], Literal::Text(_)) => {
                    let Literal::Text(name) = &names[1] else { return Err(strange()) };
                    name
                }
                _ => return Err(strange()),
            };
            let count = shape.iter().flat_map(|shape| shape.iter()).try_fold(1_u64, |count, size| match size {
                Literal::Number(size) => count.checked_mul(*size),
                _ => None,
            });
            let count = count.filter(|count| *count <= MOST_COLUMNS).ok_or_else(strange)?;
            for i in 0..count {
                let name = if shape.is_some() { format!("{prefix}{name}{i}") } else { format!("{prefix}{name}") };
                self.add(name, descr)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, name: String, descr: &Literal) -> Result<(), Problem> {
        if self.fields.len() as u64 >= MOST_COLUMNS {
            return Err(format!("it has more than {MOST_COLUMNS} columns").into());
        }
        let Literal::Text(code) = descr else { return self.add_structure(descr, &format!("{name}.")) };
        let scalar = Scalar::parse(code)?;
        let size = scalar.size();
        // NumPy names the bytes between fields in this way.
        if !(name.is_empty() && scalar.is_void()) {
            self.fields.push(Field { name, offset: self.size, scalar });
        }
        self.size = self.size.checked_add(size).ok_or("its values are too large")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(descr: &str, order: &str, shape: &str) -> Result<Header, Problem> {
        let text = format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
        bytes.extend(text.bytes());
        Header::read(&mut &bytes[..], None)
    }

    #[test]
    fn columns_are_where_numpy_puts_them() {
        let names = |record: &Record| record.fields.iter().map(|f| (f.name.clone(), f.offset)).collect::<Vec<_>>();
        let matrix = header("'<f8'", "False", "(5, 2)").unwrap();
        assert_eq!(names(&matrix.parts[0]), [("x0".into(), 0), ("x1".into(), 8)]);
        assert_eq!((matrix.rows, matrix.bytes()), (5, Some(80)));
        let matrix = header("'>i4'", "True", "(5, 2)").unwrap();
        assert_eq!((matrix.parts.len(), matrix.parts[1].size, matrix.bytes()), (2, 4, Some(40)));
        let structure = header("[('a', '|u1'), ('', '|V3'), ('b', [('c', '<U2')], (2,))]", "False", "(5,)").unwrap();
        assert_eq!(names(&structure.parts[0]), [("a".into(), 0), ("b0.c".into(), 4), ("b1.c".into(), 12)]);
        assert_eq!(structure.bytes(), Some(100));
    }

    #[test]
    fn sizes_do_not_overflow() {
        assert!(header("'<f8'", "False", "(4611686018427387904, 1000)").unwrap().bytes().is_none());
        assert!(header("'<f8'", "True", "(4611686018427387904, 1000)").unwrap().bytes().is_none());
        assert!(header("'<f8'", "False", "(1, 99999999999)").is_err());
        assert!(header("[('a', '<f8', (99999999, 99999999))]", "False", "(1,)").is_err());
        assert!(header("[('a', [('b', '<f8', (1000000,))], (1000000,))]", "False", "(1,)").is_err());
    }
}
