//! Decimal numbers to whole units, exactly.
//!
//! Kubelets print the shortest decimal of a double: `3433.499582168`, or `5.2740096e+07` from a
//! million on. Scaled as a decimal, nanoseconds come out exact, and faster than by way of a double.
//! What the short way does not cover (a sign, twenty digits, words) goes the long way.

use crate::promtext::lexer;
use crate::usage::RejectReason;

/// Digits that surely fit 64 bits.
const MOST_DIGITS: u32 = 19;

const POWERS_OF_TEN: [u64; 20] = {
    let mut powers = [1; 20];
    let mut power = 1;
    #[expect(clippy::indexing_slicing, reason = "checked at compile time")]
    while power < powers.len() {
        powers[power] = powers[power - 1] * 10;
        power += 1;
    }
    powers
};

/// Splits off a number and gives it in units of `10^-scale`, rounded to the nearest whole one.
pub(super) fn scaled(text: &[u8], scale: i32) -> Result<(u64, &[u8]), RejectReason> {
    let short = Decimal::read(text).and_then(|(decimal, rest)| Some((decimal.scaled(scale)?, rest)));
    short.map_or_else(|| by_double(text, scale), Ok)
}

/// A double in units of `10^-scale`, rounded to the nearest whole one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked before")]
pub(super) fn from_double(value: f64, scale: i32) -> Result<u64, RejectReason> {
    /// 2^64, the first double that does not fit.
    const TOO_LARGE: f64 = 18_446_744_073_709_551_616.0;
    let units = (value * 10_f64.powi(scale)).round();
    if value >= 0.0 && units < TOO_LARGE { Ok(units as u64) } else { Err(RejectReason::Value) }
}

/// Splits off a whole number of milliseconds, zero or more.
pub(super) fn millis(text: &[u8]) -> Result<(i64, &[u8]), RejectReason> {
    let mut rest = text;
    let mut value = 0_i64;
    while let Some((byte, tail)) = rest.split_first()
        && byte.is_ascii_digit()
    {
        let appended = value.checked_mul(10).and_then(|value| value.checked_add(i64::from(byte - b'0')));
        value = appended.ok_or(RejectReason::Timestamp)?;
        rest = tail;
    }
    let ended = rest.first().is_none_or(|byte| lexer::is_blank(*byte));
    if rest.len() == text.len() || !ended { Err(RejectReason::Timestamp) } else { Ok((value, rest)) }
}

/// `mantissa` × 10^`exponent`.
struct Decimal {
    mantissa: u64,
    exponent: i32,
}

impl Decimal {
    /// Reads `digits[.digits][e[sign]digits]` up to a blank or the end; `None` for anything else.
    fn read(text: &[u8]) -> Option<(Self, &[u8])> {
        let (whole, rest) = digits(0, text);
        let mut read = text.len() - rest.len();
        let mut number = Self { mantissa: whole, exponent: 0 };
        let mut rest = rest;
        if let Some(fraction) = rest.strip_prefix(b".") {
            (number.mantissa, rest) = digits(whole, fraction);
            let places = fraction.len() - rest.len();
            read += places;
            number.exponent = -i32::try_from(places).ok()?;
        }
        if read == 0 || read > MOST_DIGITS as usize {
            return None;
        }
        if let Some([b'e' | b'E', power @ ..]) = Some(rest) {
            let (power, tail) = signed(power)?;
            number.exponent += power;
            rest = tail;
        }
        rest.first().is_none_or(|byte| lexer::is_blank(*byte)).then_some((number, rest))
    }

    fn scaled(&self, scale: i32) -> Option<u64> {
        let power = self.exponent + scale;
        let factor = POWERS_OF_TEN.get(usize::try_from(power.unsigned_abs()).ok()?).copied();
        match factor {
            Some(factor) if power >= 0 => self.mantissa.checked_mul(factor),
            Some(factor) => {
                let (whole, part) = (self.mantissa / factor, self.mantissa % factor);
                Some(whole + u64::from(part >= factor - part))
            }
            None => None,
        }
    }
}

/// Appends leading digits to `value`; the caller counts them and drops a result of too many.
fn digits(mut value: u64, mut text: &[u8]) -> (u64, &[u8]) {
    while let Some((byte, rest)) = text.split_first()
        && byte.is_ascii_digit()
    {
        value = value.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
        text = rest;
    }
    (value, text)
}

/// A power of ten of up to three digits with an optional sign.
fn signed(text: &[u8]) -> Option<(i32, &[u8])> {
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (value, rest) = digits(0, unsigned);
    let count = unsigned.len() - rest.len();
    let value = (1..=3).contains(&count).then(|| i32::try_from(value).ok()).flatten()?;
    Some((if negative { -value } else { value }, rest))
}

fn by_double(text: &[u8], scale: i32) -> Result<(u64, &[u8]), RejectReason> {
    let (token, rest) = lexer::token(text);
    let token = std::str::from_utf8(token).map_err(|_| RejectReason::Syntax)?;
    let value: f64 = token.parse().map_err(|_| RejectReason::Syntax)?;
    Ok((from_double(value, scale)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(text: &str) -> Result<u64, RejectReason> {
        scaled(text.as_bytes(), 9).map(|(value, _)| value)
    }

    #[test]
    fn what_kubelets_print_comes_out_exact() {
        assert_eq!(nanos("0"), Ok(0));
        assert_eq!(nanos("3433.499582168"), Ok(3_433_499_582_168));
        assert_eq!(nanos("1.234567890123e+06"), Ok(1_234_567_890_123_000));
        assert_eq!(nanos("5e-09"), Ok(5));
        assert_eq!(scaled(b"5.2740096e+07 1", 0), Ok((52_740_096, &b" 1"[..])));
        assert_eq!(scaled(b"1.7953910565993648e+09", 3), Ok((1_795_391_056_599, &b""[..])));
    }

    #[test]
    fn the_nearest_whole_unit_is_taken() {
        assert_eq!(nanos("0.0000000004"), Ok(0));
        assert_eq!(nanos("0.0000000005"), Ok(1));
        assert_eq!(nanos("1e-20"), Ok(0));
        assert_eq!(nanos("1e-999"), Ok(0));
        assert_eq!(nanos("0.12345678901234567890123"), Ok(123_456_789));
    }

    #[test]
    fn unusual_spellings_go_the_long_way() {
        assert_eq!(
            ["+1", "1.", ".5", "1E2", "00000000000000000000001"].map(nanos).map(Result::unwrap),
            [1_000_000_000, 1_000_000_000, 500_000_000, 100_000_000_000, 1_000_000_000]
        );
        assert_eq!(nanos("-0"), Ok(0));
    }

    #[test]
    fn what_is_no_count_is_refused() {
        for text in ["NaN", "nan", "+Inf", "-Inf", "inf", "-1", "-1e-300", "1e400", "18446744074", "1e+11"] {
            assert_eq!(nanos(text), Err(RejectReason::Value), "{text}");
        }
        for text in ["", "x", "1x", "1..2", "1e", "1e+", "0x10", "1_0", "1,5", "1\r", "é"] {
            assert_eq!(nanos(text), Err(RejectReason::Syntax), "{text}");
        }
    }

    #[test]
    fn a_timestamp_is_digits_alone() {
        assert_eq!(millis(b"1795391396052 "), Ok((1_795_391_396_052, &b" "[..])));
        for text in ["", "-1", "1.5", "1e3", "12x", "9223372036854775808", "99999999999999999999", "1\r"] {
            assert_eq!(millis(text.as_bytes()), Err(RejectReason::Timestamp), "{text}");
        }
    }

    /// Up to where every nanosecond has a double of its own once divided by 10^9.
    const EXACT_NANOS: u64 = 1 << 51;

    #[test]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "bounded")]
    fn both_ways_agree_on_every_text_a_kubelet_can_print() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..50_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let exact = (state % EXACT_NANOS) >> (state >> 59);
            let seconds = exact as f64 / 1e9;
            for text in [format!("{seconds}"), format!("{seconds:e}")] {
                assert_eq!(nanos(&text), Ok(exact), "{text}");
                assert_eq!((text.parse::<f64>().unwrap() * 1e9).round() as u64, exact, "{text}");
            }
        }
    }
}
