//! The two small datasets that are compiled into the crate. `data/README.md` states their sources and licences.

use crate::{Images, Table};
use flate2::read::GzDecoder;
use std::io::Read;

/// The SHA-256 of the digits as an uncompressed CSV file.
pub const DIGITS_SHA256: &str = "d7ff1341011182b7af3733b201a919cea2ffe00f25ff23ba48c5e791daffb498";

/// The SHA-256 of the breast cancer table as an uncompressed CSV file.
pub const BREAST_CANCER_SHA256: &str = "841ebc1d5d5822e02a772a093458239ec3704685cdb3dc7f9f74c537ce0c6a33";

/// The target column of [`breast_cancer`]: 1 for benign, 0 for malignant.
pub const BREAST_CANCER_TARGET: &str = "benign";

static DIGITS: &[u8] = include_bytes!("../data/digits.csv.gz");
static BREAST_CANCER: &[u8] = include_bytes!("../data/breast_cancer.csv.gz");

/// Returns 1797 handwritten digits of 8×8 pixels in `0..=16`, in ten classes.
///
/// # References
///
/// The test part of E. Alpaydin and C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI, 1998 (CC BY 4.0).
pub fn digits() -> Images {
    let text = unpack(DIGITS);
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for line in text.lines().skip(1) {
        pixels.extend(line.split(',').map(|cell| cell.parse::<u8>().expect("every embedded cell is a small number")));
        labels.extend(pixels.pop().map(u32::from));
    }
    Images::new(pixels, labels, 8, 8, 16).expect("the embedded digits are 8×8 pixels up to 16")
}

/// Returns a table of 569 tumours with 30 measurements each and the column [`BREAST_CANCER_TARGET`].
///
/// # References
///
/// W. Wolberg et al., *Breast Cancer Wisconsin (Diagnostic)*, UCI, 1993 (CC BY 4.0).
pub fn breast_cancer() -> Table {
    Table::parse("breast-cancer", &unpack(BREAST_CANCER)).expect("the embedded table is well-formed")
}

fn unpack(archive: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(archive).read_to_string(&mut text).expect("the embedded archive is intact");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dataset, Encoder, content::hex};
    use sha2::{Digest, Sha256};

    #[test]
    fn the_digits_are_the_published_ones() {
        let digits = digits();
        assert_eq!(
            (digits.len(), digits.height(), digits.width(), digits.max(), digits.classes()),
            (1797, 8, 8, 16, 10)
        );
        assert_eq!(digits.bytes()[..16], [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0]);
        assert_eq!((&digits.labels()[..5], &digits.labels()[1792..]), (&[0, 1, 2, 3, 4][..], &[9, 0, 8, 9, 8][..]));
        assert_eq!(digits.bytes().iter().map(|pixel| u64::from(*pixel)).sum::<u64>(), 561_718);
        let count = |class| digits.labels().iter().filter(|label| **label == class).count();
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(count), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    }

    #[test]
    fn the_table_is_the_published_one() {
        let table = breast_cancer();
        assert_eq!((table.len(), table.columns().len()), (569, 31));
        assert_eq!(table.columns()[30].name(), BREAST_CANCER_TARGET);
        let rows: Vec<usize> = (0..569).collect();
        let encoder = Encoder::fit(&table, Some(BREAST_CANCER_TARGET), &rows, false).unwrap();
        let examples = encoder.encode(&table).unwrap();
        assert_eq!(
            (examples.len(), examples.features(), examples.class_names()),
            (569, 30, &["0".into(), "1".into()][..])
        );
        assert_eq!(examples.row(0)[..4], [17.99, 10.38, 122.8, 1001.0]);
        assert_eq!(examples.targets().iter().sum::<usize>(), 357);
    }

    #[test]
    fn the_digests_are_those_of_the_uncompressed_files() {
        assert_eq!(hex(&Sha256::digest(unpack(DIGITS))), DIGITS_SHA256);
        assert_eq!(hex(&Sha256::digest(unpack(BREAST_CANCER))), BREAST_CANCER_SHA256);
        assert_eq!(breast_cancer().sha256(), BREAST_CANCER_SHA256);
    }
}
