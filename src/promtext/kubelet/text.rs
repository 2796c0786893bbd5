//! The text form, line by line.

use super::families::{Family, Field};
use super::rows::{Names, NamesRead, Rows};
use crate::promtext::lexer::{self, Lines};
use crate::promtext::series;
use crate::usage::{Batch, RejectReason};

/// Bytes of a real body for each of its containers, rounded down: a first guess at how many rows
/// there will be.
const BODY_BYTES_PER_ROW: usize = 512;

/// Reads a body. Refused lines are counted in the batch; it never fails as a whole.
pub fn read(body: &[u8]) -> Batch<'_> {
    let mut reader = Reader { rows: Rows::expecting(body.len() / BODY_BYTES_PER_ROW), family: None };
    for (number, line) in Lines::of(body) {
        if let Err(reason) = reader.line(line) {
            reader.rows.batch.rejected.add(number, reason);
        }
    }
    reader.rows.batch
}

struct Reader<'a> {
    rows: Rows<'a>,
    /// The family of the line before, by name.
    family: Option<(&'a [u8], Family)>,
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: &'a [u8]) -> Result<(), RejectReason> {
        let line = lexer::skip_blanks(line);
        if matches!(line.first(), None | Some(b'#')) {
            return Ok(());
        }
        let (family, rest) = self.family(line)?;
        match family {
            Family::Unused => check_unused(rest),
            Family::Node(field) => self.node(field, rest),
            Family::Container(field) => self.container(field, rest),
        }
    }

    fn family(&mut self, line: &'a [u8]) -> Result<(Family, &'a [u8]), RejectReason> {
        if let Some((name, family)) = self.family
            && let Some(rest) = line.strip_prefix(name)
            && matches!(rest.first(), Some(b'{' | b' ' | b'\t'))
        {
            return Ok((family, rest));
        }
        let (name, rest) = lexer::name(line);
        if name.is_empty() || !matches!(rest.first(), Some(b'{' | b' ' | b'\t')) {
            return Err(RejectReason::Syntax);
        }
        let family = Family::of(name);
        self.family = Some((name, family));
        self.rows.begin_family();
        Ok((family, rest))
    }

    fn node(&mut self, field: Field, text: &'a [u8]) -> Result<(), RejectReason> {
        let rest = series::labels(text, |_, _| Ok(()))?;
        let point = series::point(rest, field.scale())?;
        self.rows.set_node(field, point)
    }

    fn container(&mut self, field: Field, text: &'a [u8]) -> Result<(), RejectReason> {
        if let Some((place, rest)) = self.rows.as_expected(text) {
            return self.rows.set(place, field, series::point(rest, field.scale())?);
        }
        let (names, rest) = container_names(text)?;
        // Read before the row is made: a line without a number makes none.
        let point = series::point(rest, field.scale())?;
        let labels = text.get(..text.len() - rest.len()).unwrap_or_default();
        let place = self.rows.named(names, labels)?;
        self.rows.set(place, field, point)
    }
}

/// Something that looks like a number must end the line, so that a page of prose is not taken for
/// a body without readings.
fn check_unused(text: &[u8]) -> Result<(), RejectReason> {
    match text.trim_ascii_end().last() {
        Some(b'0'..=b'9' | b'N' | b'f' | b'.') => Ok(()),
        _ => Err(RejectReason::Syntax),
    }
}

/// Container, namespace and pod of a line. A name with an escape is refused rather than copied.
fn container_names(text: &[u8]) -> Result<(Names<'_>, &[u8]), RejectReason> {
    let mut names = NamesRead::default();
    let rest = series::labels(text, |label, value| {
        let names_series = matches!(label, b"container" | b"namespace" | b"pod");
        if names_series && value.escaped { Err(RejectReason::Label) } else { names.add(label, value.raw) }
    })?;
    Ok((names.complete()?, rest))
}
