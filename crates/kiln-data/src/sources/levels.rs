//! Numbers as the grey levels of pixels.

/// The range of some numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    least: f64,
    most: f64,
    is_whole: bool,
    is_finite: bool,
}

impl Range {
    pub(super) fn new() -> Self {
        Self { least: 0.0, most: 0.0, is_whole: true, is_finite: true }
    }

    pub(super) fn add(&mut self, numbers: &[f64]) {
        for number in numbers {
            self.least = self.least.min(*number);
            self.most = self.most.max(*number);
            self.is_whole &= number.fract() == 0.0;
            self.is_finite &= number.is_finite();
        }
    }
}

/// How numbers become bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Levels {
    /// The byte of white.
    pub(super) max: u8,
    factor: f64,
    /// What a reader might not expect.
    pub(super) note: Option<String>,
}

impl Levels {
    /// The levels of numbers in a range: whole numbers up to 1, 16, 255 or 65,535, or fractions from 0 to 1.
    pub(super) fn of(range: Range) -> Result<Self, String> {
        let Range { least, most, is_whole, is_finite } = range;
        if !is_finite {
            return Err("a pixel is NaN or infinite".into());
        }
        let same = |max: u8| Self { max, factor: 1.0, note: None };
        let rounded = Some("pixels are rounded to 256 grey levels".to_owned());
        Ok(match (is_whole, most) {
            _ if least < 0.0 || most > 65_535.0 => {
                return Err(format!(
                    "pixels are from {least} to {most}: scale them to numbers from 0 to 1, or from 0 to 255"
                ));
            }
            (true, ..=1.0) => same(1),
            (true, ..=16.0) => {
                Self { note: Some(format!("no pixel is above {most}, so 16 is taken for white")), ..same(16) }
            }
            (true, ..=255.0) => same(u8::MAX),
            (false, ..=1.0) => Self { max: u8::MAX, factor: 255.0, note: rounded },
            (false, ..=255.0) => Self { max: u8::MAX, factor: 1.0, note: rounded },
            _ => Self { max: u8::MAX, factor: 1.0 / 257.0, note: Some("pixels of 16 bits are rounded to 8".into()) },
        })
    }

    pub(super) fn byte(&self, number: f64) -> u8 {
        (number * self.factor).round() as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(numbers: &[f64]) -> Result<(u8, Vec<u8>), String> {
        let mut range = Range::new();
        range.add(numbers);
        let levels = Levels::of(range)?;
        Ok((levels.max, numbers.iter().map(|number| levels.byte(*number)).collect()))
    }

    #[test]
    fn white_follows_from_the_range() {
        assert_eq!(levels(&[0.0, 1.0]), Ok((1, vec![0, 1])));
        assert_eq!(levels(&[0.0, 15.0]), Ok((16, vec![0, 15])));
        assert_eq!(levels(&[0.0, 200.0]), Ok((255, vec![0, 200])));
        assert_eq!(levels(&[0.0, 0.5, 0.999]), Ok((255, vec![0, 128, 255])));
        assert_eq!(levels(&[0.0, 99.6]), Ok((255, vec![0, 100])));
        assert_eq!(levels(&[257.0, 65_535.0]), Ok((255, vec![1, 255])));
        assert!(levels(&[-1.0, 1.0]).unwrap_err().contains("from -1 to 1: scale them"));
        assert!(levels(&[f64::NAN]).is_err() && levels(&[70_000.0]).is_err());
    }
}
