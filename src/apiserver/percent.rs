//! Percent-decoding of paths, queries and header keys.

use std::borrow::Cow;

/// Decodes `%XX`; what is no valid escape stays as it is, bytes that are no UTF-8 become U+FFFD.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let (byte, after) = escape(rest).unwrap_or((first, tail));
        bytes.push(byte);
        rest = after;
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// The decoded pairs of a query, in which `+` is a space.
pub(crate) fn query_pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode_form(key), decode_form(value))
    })
}

fn decode_form(text: &str) -> Cow<'_, str> {
    if text.contains('+') { Cow::Owned(decode(&text.replace('+', " ")).into_owned()) } else { decode(text) }
}

fn escape(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, rest @ ..] = bytes else { return None };
    Some((hex_digit(*high)? * 16 + hex_digit(*low)?, rest))
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_in_any_case() {
        assert_eq!(decode("pods/%2A/a%3ab%2F"), "pods/*/a:b/");
        assert_eq!(decode("%C3%BC"), "ü");
    }

    #[test]
    fn what_is_no_escape_stays() {
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%4"), "%4");
        assert_eq!(decode("%zz%+1"), "%zz%+1");
        assert_eq!(decode("%FF"), "\u{FFFD}");
    }

    #[test]
    fn a_query_has_pairs_with_repeats_and_empty_values() {
        let pairs: Vec<_> = query_pairs("a=b+c&&a=%3D&watch&x=1=2").collect();
        let expected = [("a", "b c"), ("a", "="), ("watch", ""), ("x", "1=2")];
        assert_eq!(pairs, expected.map(|(key, value)| (Cow::Borrowed(key), Cow::Borrowed(value))));
    }
}
