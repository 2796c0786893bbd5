//! Single parameters of a query.

use std::borrow::Cow;

use crate::apiserver::moments::{Asked, Tag};
use crate::apiserver::status::Status;

/// A query, decoded.
pub(super) struct Parameters<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Parameters<'a> {
    /// Reads a query, without its question mark.
    pub(super) fn of(query: &'a str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).collect())
    }

    /// A value, empty if it is not there. Of a repeated key the first counts.
    pub(super) fn text(&self, key: &str) -> &str {
        self.find(key).unwrap_or_default()
    }

    /// A flag: any value but `0` and `false` is true.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.find(key).map(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
    }

    /// A whole number; refused in the words of the server that clients know.
    pub(super) fn number(&self, key: &str) -> Result<Option<i64>, Status> {
        use std::num::IntErrorKind::{NegOverflow, PosOverflow};
        let text = self.text(key);
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|error: std::num::ParseIntError| {
            let overflow = matches!(error.kind(), PosOverflow | NegOverflow);
            let reason = if overflow { "value out of range" } else { "invalid syntax" };
            Status::bad_request(format!("strconv.ParseInt: parsing {text:?}: {reason}"))
        })
    }

    /// `resourceVersion`.
    pub(super) fn version(&self, tag: Tag) -> Result<Asked, Status> {
        tag.read(self.text("resourceVersion")).map_err(|error| Status::bad_request(error.to_string()))
    }

    fn find(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_0_and_false_are_false() {
        for (query, flag) in
            [("a=true", Some(true)), ("a", Some(true)), ("a=0", Some(false)), ("a=FALSE", Some(false)), ("", None)]
        {
            assert_eq!(Parameters::of(query).flag("a"), flag, "{query}");
        }
    }
}
