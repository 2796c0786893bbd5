//! The `Accept` header, read as RFC 9110 writes it, with the parameters that Kubernetes adds.

use http::{HeaderMap, header};

/// One clause of the header: a range of types, with parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Clause<'a> {
    media_type: &'a str,
    /// All that follows the first semicolon.
    parameters: &'a str,
    quality: f32,
}

impl<'a> Clause<'a> {
    fn parse(text: &'a str) -> Self {
        let (media_type, parameters) = text.split_once(';').unwrap_or((text, ""));
        let mut clause = Self { media_type: media_type.trim_ascii(), parameters, quality: 1.0 };
        clause.quality = clause.parameter("q").and_then(|quality| quality.parse().ok()).unwrap_or(1.0);
        clause
    }

    /// The value of a parameter; an empty one says as little as none.
    pub(super) fn parameter(&self, key: &str) -> Option<&'a str> {
        let mut pairs = self.parameters.split(';').filter_map(|part| part.split_once('='));
        let (_, value) = pairs.find(|(known, _)| known.trim_ascii() == key)?;
        Some(value.trim_ascii().trim_matches('"')).filter(|value| !value.is_empty())
    }

    /// Whether `media_type`, which is one of `application`, is in the range.
    pub(super) fn takes(&self, media_type: &str) -> bool {
        self.breadth() > 0 || self.media_type.eq_ignore_ascii_case(media_type)
    }

    fn breadth(&self) -> u8 {
        match self.media_type {
            "*/*" | "*" => 2,
            "application/*" => 1,
            _ => 0,
        }
    }
}

/// The clauses that are acceptable at all, of all lines of the header: the best liked first, of
/// equals the narrower, then in the order given. No header, or an empty one, accepts anything.
pub(super) fn clauses(headers: &HeaderMap) -> Vec<Clause<'_>> {
    // A line that is no text names no type of ours; left out, it would accept anything. Blank is what HTTP
    // calls so: other spaces of Unicode are text.
    let lines = headers.get_all(header::ACCEPT).iter().map(|line| str::from_utf8(line.as_bytes()).unwrap_or("?"));
    let clauses = lines.flat_map(|line| line.split(',')).map(str::trim_ascii).filter(|clause| !clause.is_empty());
    let mut clauses: Vec<_> = clauses.map(Clause::parse).collect();
    if clauses.is_empty() {
        clauses.push(Clause::parse("*/*"));
    }
    clauses.retain(|clause| clause.quality > 0.0);
    clauses.sort_by(|a, b| b.quality.total_cmp(&a.quality).then(a.breadth().cmp(&b.breadth())));
    clauses
}
