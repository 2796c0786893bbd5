//! One sample line: `name{labels} value [milliseconds]`, read from the labels on.

use crate::clock::UnixMillis;
use crate::promtext::lexer::{self, Quoted};
use crate::promtext::number;
use crate::usage::RejectReason;

/// A value in the unit asked for, and when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) value: u64,
    pub(super) time: Option<UnixMillis>,
}

/// Reads labels in braces, if there are any, handing each to `visit`; what follows is returned.
pub(super) fn labels<'a>(
    text: &'a [u8],
    mut visit: impl FnMut(&'a [u8], Quoted<'a>) -> Result<(), RejectReason>,
) -> Result<&'a [u8], RejectReason> {
    let mut rest = lexer::skip_blanks(text);
    let Some(inside) = rest.strip_prefix(b"{") else { return Ok(rest) };
    rest = lexer::skip_blanks(inside);
    loop {
        if let Some(after) = rest.strip_prefix(b"}") {
            return Ok(after);
        }
        let (name, after_name) = lexer::name(rest);
        if name.is_empty() {
            return Err(RejectReason::Syntax);
        }
        let assigned = lexer::skip_blanks(after_name).strip_prefix(b"=").ok_or(RejectReason::Syntax)?;
        let (value, after_value) = lexer::quoted(lexer::skip_blanks(assigned))?;
        visit(name, value)?;
        rest = lexer::skip_blanks(after_value);
        rest = match rest {
            [b',', after @ ..] => lexer::skip_blanks(after),
            [b'}', ..] => rest,
            _ => return Err(RejectReason::Syntax),
        };
    }
}

/// Reads the value, in units of `10^-scale`, and the timestamp to the end of the line.
pub(super) fn point(text: &[u8], scale: i32) -> Result<Point, RejectReason> {
    let (value, rest) = number::scaled(lexer::skip_blanks(text), scale)?;
    let rest = lexer::skip_blanks(rest);
    if rest.is_empty() {
        return Ok(Point { value, time: None });
    }
    let (millis, rest) = number::millis(rest)?;
    if lexer::skip_blanks(rest).is_empty() {
        Ok(Point { value, time: Some(UnixMillis(millis)) })
    } else {
        Err(RejectReason::Syntax)
    }
}
