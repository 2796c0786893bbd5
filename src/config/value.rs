//! How single values are written on a command line. Pure.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::go_duration;

/// Beyond this a duration is a slip of the pen, and sums with it could overflow.
const LONGEST: Duration = Duration::from_hours(365 * 24);

/// A value of a type that reads itself: numbers, `true`, addresses.
pub(super) fn plain<T>(typed: &str) -> Result<T, String>
where
    T: FromStr,
    T::Err: Display,
{
    typed.parse().map_err(|error| format!("{typed:?}: {error}"))
}

/// A number of things of which there must be one.
pub(super) fn at_least_one<T>(typed: &str) -> Result<T, String>
where
    T: FromStr + From<u8> + PartialOrd,
    T::Err: Display,
{
    let number = plain::<T>(typed)?;
    if number < T::from(1) { Err("must be 1 or more".to_owned()) } else { Ok(number) }
}

/// A duration as Kubernetes writes it: decimal numbers with units, such as `1m30s` or `1.5h`.
pub(super) fn duration(typed: &str) -> Result<Duration, String> {
    let wrong = || format!("{typed:?} is no duration; write it like 15s, 1m30s or 500ms");
    let seconds = go_duration::seconds(typed).map_err(|_| wrong())?;
    let length = Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
    if length > LONGEST { Err(format!("{typed:?} is more than a year")) } else { Ok(length) }
}

/// A duration longer than zero.
pub(super) fn positive_duration(typed: &str) -> Result<Duration, String> {
    match duration(typed)? {
        Duration::ZERO => Err("must be longer than zero".to_owned()),
        length => Ok(length),
    }
}

/// A size in bytes: `16Mi`, `1Gi`, or plain bytes.
pub(super) fn byte_size(typed: &str) -> Result<u64, String> {
    let (number, shift) = [("Ki", 10), ("Mi", 20), ("Gi", 30)]
        .into_iter()
        .find_map(|(suffix, shift)| Some((typed.strip_suffix(suffix)?, shift)))
        .unwrap_or((typed, 0));
    let number: u64 =
        number.parse().map_err(|_| format!("{typed:?} is no size; write it like 16Mi, 1Gi or 1048576"))?;
    number.checked_mul(1 << shift).ok_or_else(|| format!("{typed:?} is too large"))
}

/// The words of a comma-separated list; empty words are nothing.
pub(super) fn list(typed: &str) -> impl Iterator<Item = &str> {
    typed.split(',').map(str::trim).filter(|word| !word.is_empty())
}

/// A path that was given; as in Kubernetes, the empty text is none.
pub(super) fn given(path: Option<&str>) -> Option<PathBuf> {
    path.filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// A name as Kubernetes wants it for namespaces and Services.
pub(super) fn dns_label(typed: &str) -> Result<String, String> {
    if typed.len() > 63 || typed.is_empty() || !is_dns_word(typed) {
        return Err(format!("{typed:?} is no name: up to 63 of a-z, 0-9 and -, with a letter or digit at each end"));
    }
    Ok(typed.to_owned())
}

/// A name of dotted labels, as Kubernetes wants it for API groups.
pub(super) fn dns_subdomain(typed: &str) -> Result<String, String> {
    if typed.len() > 253 || !typed.split('.').all(is_dns_word) {
        return Err(format!("{typed:?} is no DNS name in lower case"));
    }
    Ok(typed.to_owned())
}

fn is_dns_word(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = word.bytes().next().is_some_and(plain) && word.bytes().last().is_some_and(plain);
    ends && word.bytes().all(|byte| plain(byte) || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_kubernetes_writes_them() {
        for (typed, millis) in [
            ("0", 0),
            ("0s", 0),
            ("15s", 15_000),
            ("1m30s", 90_000),
            ("1.5h", 5_400_000),
            ("500ms", 500),
            ("1m0.5s", 60_500),
            (".5s", 500),
            ("2000us", 2),
            ("2000µs", 2),
        ] {
            assert_eq!(duration(typed), Ok(Duration::from_millis(millis)), "{typed}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for typed in ["", "15", "s", "-1s", "1 s", "1d", "1.2.3s", "1e3s", "1s2", "NaNs", "infs", "é", "9999999999h"] {
            assert!(duration(typed).is_err(), "{typed}");
        }
        let endless = format!("{}h", "9".repeat(400));
        assert!(duration(&endless).is_err());
    }

    #[test]
    fn sizes_are_bytes_or_powers_of_1024() {
        assert_eq!(byte_size("16Mi"), Ok(16 << 20));
        assert_eq!(byte_size("1Gi"), Ok(1 << 30));
        assert_eq!(byte_size("70000"), Ok(70_000));
        for typed in ["", "Mi", "1.5Mi", "-1", "16M", "18446744073709551615Ki"] {
            assert!(byte_size(typed).is_err(), "{typed}");
        }
    }
}
