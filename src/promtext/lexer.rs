//! Bytes to lines and tokens, nothing allocated.
//!
//! Blanks are space and tab. A carriage return is no blank: kubelets never send one, and a body
//! that went through something that adds them is not to be trusted, so its lines are refused.

use crate::usage::RejectReason;

/// Lines of a body with their numbers, from 1. The last one may lack its newline.
pub(super) struct Lines<'a> {
    rest: &'a [u8],
    number: u32,
}

/// Text between quotes, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quoted<'a> {
    pub(super) raw: &'a [u8],
    /// Whether `raw` holds a backslash, so that it is not the text itself.
    pub(super) escaped: bool,
}

impl<'a> Lines<'a> {
    pub(super) const fn of(body: &'a [u8]) -> Self {
        Self { rest: body, number: 0 }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (u32, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(1..).unwrap_or_default();
        self.number = self.number.saturating_add(1);
        Some((self.number, line))
    }
}

pub(super) const fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// What is left after leading blanks.
pub(super) fn skip_blanks(mut text: &[u8]) -> &[u8] {
    while let Some((first, rest)) = text.split_first()
        && is_blank(*first)
    {
        text = rest;
    }
    text
}

/// Splits off a metric or label name; empty if there is none.
pub(super) fn name(text: &[u8]) -> (&[u8], &[u8]) {
    let is_digit_first = text.first().is_some_and(u8::is_ascii_digit);
    let length = text.iter().take_while(|byte| is_name_byte(**byte)).count();
    text.split_at(if is_digit_first { 0 } else { length })
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':'
}

/// Splits at the first blank.
pub(super) fn token(text: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr2(b' ', b'\t', text).unwrap_or(text.len());
    text.split_at(end)
}

/// Splits off a quoted text. Escapes are `\\`, `\"` and `\n`.
pub(super) fn quoted(text: &[u8]) -> Result<(Quoted<'_>, &[u8]), RejectReason> {
    let text = text.strip_prefix(b"\"").ok_or(RejectReason::Syntax)?;
    let mut end = 0;
    let mut escaped = false;
    loop {
        let tail = text.get(end..).ok_or(RejectReason::Syntax)?;
        end += memchr::memchr2(b'"', b'\\', tail).ok_or(RejectReason::Syntax)?;
        let Some((raw, [found, rest @ ..])) = text.split_at_checked(end) else { return Err(RejectReason::Syntax) };
        if *found == b'"' {
            return Ok((Quoted { raw, escaped }, rest));
        }
        if !matches!(rest.first(), Some(b'\\' | b'"' | b'n')) {
            return Err(RejectReason::Syntax);
        }
        escaped = true;
        end += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_may_lack_its_newline() {
        let lines: Vec<_> = Lines::of(b"a\n\nb").collect();
        assert_eq!(lines, [(1, &b"a"[..]), (2, b""), (3, b"b")]);
        assert_eq!(Lines::of(b"a\n").count(), 1);
        assert_eq!(Lines::of(b"").count(), 0);
    }

    #[test]
    fn a_name_does_not_begin_with_a_digit() {
        assert_eq!(name(b"a_1:b{"), (&b"a_1:b"[..], &b"{"[..]));
        assert_eq!(name(b"1a"), (&b""[..], &b"1a"[..]));
    }

    #[test]
    fn an_escaped_quote_does_not_end_the_text() {
        let (text, rest) = quoted(br#""a\"}\\" 1"#).unwrap();
        assert_eq!((text.raw, text.escaped, rest), (&br#"a\"}\\"#[..], true, &b" 1"[..]));
    }

    #[test]
    fn quotes_must_close_and_escapes_must_be_known() {
        for bad in [&br#""a"#[..], br#""a\"#, br#""a\"b"#, br#""a\x""#, b"a", b""] {
            assert_eq!(quoted(bad), Err(RejectReason::Syntax), "{}", String::from_utf8_lossy(bad));
        }
    }
}
