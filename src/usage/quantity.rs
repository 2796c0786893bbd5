//! Numbers to Kubernetes quantity text and back.
//!
//! A quantity is a decimal number with a suffix of one of three families: decimal (`n` to `E`),
//! binary (`Ki` to `Ei`), or a power of ten (`e3`, `E-3`). What is finer than the unit kept here is
//! rounded up, as Kubernetes does; what does not fit is an error, where Kubernetes would cap it.

use std::fmt;
use std::str::FromStr;

/// CPU in billionths of a core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nanocores(pub u64);

/// A level in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// Text that is no quantity, or none that fits: negative, or too large.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a Kubernetes quantity of zero or more")]
pub struct QuantityError(pub String);

/// Canonical form of the decimal family: the largest suffix that keeps an integer.
impl fmt::Display for Nanocores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, suffix) = self.canonical();
        write!(f, "{number}{suffix}")
    }
}

/// Canonical form of the binary family: the largest suffix that keeps an integer. Below 1024
/// Kubernetes changes to the decimal family, so that 1000 bytes are `1k`.
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, suffix) = self.canonical();
        write!(f, "{number}{suffix}")
    }
}

impl Nanocores {
    /// The number and the suffix that it is written with.
    pub fn canonical(self) -> (u64, &'static str) {
        canonical::<1000>(self.0, &["n", "u", "m", "", "k", "M", "G"])
    }
}

impl Bytes {
    /// The number and the suffix that it is written with.
    pub fn canonical(self) -> (u64, &'static str) {
        if self.0 < 1024 {
            canonical::<1000>(self.0, &["", "k"])
        } else {
            canonical::<1024>(self.0, &["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"])
        }
    }
}

impl FromStr for Nanocores {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        parse(text, 9).map(Self).ok_or_else(|| QuantityError(text.to_owned()))
    }
}

impl FromStr for Bytes {
    type Err = QuantityError;
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        parse(text, 0).map(Self).ok_or_else(|| QuantityError(text.to_owned()))
    }
}

/// A step that is known when this is compiled divides without a division.
fn canonical<const STEP: u64>(value: u64, suffixes: &[&'static str]) -> (u64, &'static str) {
    if value == 0 {
        return (0, "");
    }
    let mut value = value;
    let mut suffixes = suffixes.iter().peekable();
    while let Some(suffix) = suffixes.next() {
        if !value.is_multiple_of(STEP) || suffixes.peek().is_none() {
            return (value, suffix);
        }
        value /= STEP;
    }
    (value, "")
}

/// Reads `text` in units of `10^-scale`, rounded up.
fn parse(text: &str, scale: i32) -> Option<u64> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (whole, rest) = split_digits(unsigned);
    let (fraction, suffix) = rest.strip_prefix('.').map_or(("", rest), split_digits);
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (power_of_ten, power_of_two) = powers(suffix)?;
    let units = rounded_up(whole, fraction, power_of_ten.checked_add(scale)?, 1 << power_of_two)?;
    (!negative || units == 0).then_some(units)
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Power of ten and power of two that a suffix stands for. `E` alone is 10^18; with digits behind
/// it, it is an exponent.
fn powers(suffix: &str) -> Option<(i32, u32)> {
    let power = match suffix {
        "" => (0, 0),
        "n" => (-9, 0),
        "u" => (-6, 0),
        "m" => (-3, 0),
        "k" => (3, 0),
        "M" => (6, 0),
        "G" => (9, 0),
        "T" => (12, 0),
        "P" => (15, 0),
        "E" => (18, 0),
        "Ki" => (0, 10),
        "Mi" => (0, 20),
        "Gi" => (0, 30),
        "Ti" => (0, 40),
        "Pi" => (0, 50),
        "Ei" => (0, 60),
        _ => (suffix.strip_prefix(['e', 'E'])?.parse().ok()?, 0),
    };
    Some(power)
}

/// `whole.fraction × 10^power × factor`, rounded up. Exact for any number of digits.
fn rounded_up(whole: &str, fraction: &str, power: i32, factor: u128) -> Option<u64> {
    let digits = || whole.bytes().chain(fraction.bytes()).map(|digit| u128::from(digit - b'0'));
    if digits().all(|digit| digit == 0) {
        return Some(0);
    }
    let count = whole.len() + fraction.len();
    let point = i64::try_from(whole.len()).ok()?.checked_add(i64::from(power))?;
    let before_point = usize::try_from(point).unwrap_or(0);
    let mut units = 0_u128;
    for digit in digits().chain(std::iter::repeat(0)).take(before_point) {
        units = units.checked_mul(10)?.checked_add(digit * factor)?;
    }
    let behind_point = digits().rev().take(count.saturating_sub(before_point));
    let parts = parts_rounded_up(behind_point, point.min(0).unsigned_abs(), factor);
    u64::try_from(units.checked_add(parts)?).ok()
}

/// What the digits behind the point add, from the last to the first, with `zeros` before them.
/// Folding from the end keeps one digit in hand, however many there are.
fn parts_rounded_up(backwards: impl Iterator<Item = u128>, zeros: u64, factor: u128) -> u128 {
    let (mut parts, mut remainder) = (0, false);
    for digit in backwards {
        parts += digit * factor;
        remainder |= parts % 10 != 0;
        parts /= 10;
    }
    for _ in 0..zeros {
        if parts == 0 {
            break;
        }
        remainder |= parts % 10 != 0;
        parts /= 10;
    }
    parts + u128::from(remainder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(text: &str) -> Option<u64> {
        text.parse::<Nanocores>().ok().map(|cpu| cpu.0)
    }

    fn bytes(text: &str) -> Option<u64> {
        text.parse::<Bytes>().ok().map(|bytes| bytes.0)
    }

    #[test]
    fn cpu_is_written_with_the_largest_decimal_suffix_that_keeps_an_integer() {
        let written = [0, 1, 12_345_678, 1_000, 100_000_000, 1_000_000_000, 1_500_000_000, 1_000_000_000_000];
        let texts = written.map(|nanocores| Nanocores(nanocores).to_string());
        assert_eq!(texts, ["0", "1n", "12345678n", "1u", "100m", "1", "1500m", "1k"]);
        assert_eq!(Nanocores(u64::MAX).to_string(), "18446744073709551615n");
    }

    #[test]
    fn bytes_are_written_with_the_largest_binary_suffix_that_keeps_an_integer() {
        let written = [0, 1, 999, 1000, 1024, 1025, 50_000_000, 52_428_800, 52_736_000, 1 << 60];
        let texts = written.map(|bytes| Bytes(bytes).to_string());
        assert_eq!(texts, ["0", "1", "999", "1k", "1Ki", "1025", "50000000", "50Mi", "51500Ki", "1Ei"]);
    }

    #[test]
    fn every_suffix_is_read() {
        assert_eq!(["7n", "7u", "7m", "7"].map(cpu), [7, 7_000, 7_000_000, 7_000_000_000].map(Some));
        assert_eq!(["7k", "7M", "7G"].map(cpu), [7 * 10_u64.pow(12), 7 * 10_u64.pow(15), 7 * 10_u64.pow(18)].map(Some));
        assert_eq!(
            ["1k", "1T", "1P", "1E"].map(bytes),
            [10_u64.pow(3), 10_u64.pow(12), 10_u64.pow(15), 10_u64.pow(18)].map(Some)
        );
        assert_eq!(["1Ki", "1Mi", "1Gi"].map(bytes), [1 << 10, 1 << 20, 1 << 30].map(Some));
        assert_eq!(["1Ti", "1Pi", "1Ei"].map(bytes), [1 << 40, 1 << 50, 1 << 60].map(Some));
        assert_eq!(["1.5Ki", "0.5Gi"].map(bytes), [1536, 1 << 29].map(Some));
    }

    #[test]
    fn an_e_is_a_suffix_alone_and_an_exponent_before_digits() {
        assert_eq!(["1E", "1Ei", "1E3", "1e3"].map(bytes), [10_u64.pow(18), 1 << 60, 1000, 1000].map(Some));
        assert_eq!(["5e-1", "1.25E+2", "0e99"].map(cpu), [500_000_000, 125_000_000_000, 0].map(Some));
        assert_eq!(["1e", "1e+", "1E-", "1e3Ki", "1e99999999999"].map(bytes), [None; 5]);
    }

    #[test]
    fn what_is_finer_than_the_unit_is_rounded_up() {
        assert_eq!(["1m", "0.5", "1.1", "1.0"].map(bytes), [1, 1, 2, 1].map(Some));
        assert_eq!(["0.1n", "0.0000000011"].map(cpu), [1, 2].map(Some));
        assert_eq!(cpu("0.12345678901234567890123"), Some(123_456_790), "all 23 digits count");
        assert_eq!(bytes("0.0000000000000000019Ei"), Some(3), "2.19 bytes");
        assert_eq!(bytes("1e-2147483648"), Some(1));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        assert_eq!(bytes("18446744073709551615"), Some(u64::MAX));
        assert_eq!(
            ["18446744073709551615.1", "18446744073709551616", "16Ei", "1e20", "1e2147483647"].map(bytes),
            [None; 5]
        );
        assert_eq!(["18446744073709551615n", "19G", "1E"].map(cpu), [Some(u64::MAX), None, None]);
        assert_eq!(["-1", "-0.5", "-1e-30"].map(bytes), [None; 3]);
    }

    #[test]
    fn signs_and_open_points_are_read() {
        assert_eq!(["+1", "-0", ".5k", "5.", "007", "1.Ki"].map(bytes), [1, 0, 500, 5, 7, 1024].map(Some));
    }

    #[test]
    fn text_that_is_no_quantity_is_refused() {
        for text in
            ["", "+", ".", "k", "1K", "1ki", "1Kib", "1 Ki", " 1", "1 ", "0x10", "1_000", "1.1.1", "--1", "NaN", "1é"]
        {
            assert_eq!(text.parse::<Bytes>(), Err(QuantityError(text.to_owned())));
            assert_eq!(text.parse::<Nanocores>(), Err(QuantityError(text.to_owned())));
        }
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let mut value = 1_u64;
        for step in 0..500_u64 {
            value = value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step);
            for number in [value, value >> 20, value >> 50, (value >> 50) << 20, (value >> 54) * 1_000_000] {
                assert_eq!(cpu(&Nanocores(number).to_string()), Some(number));
                assert_eq!(bytes(&Bytes(number).to_string()), Some(number));
            }
        }
    }
}
