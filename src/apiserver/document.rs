//! Documents that do not change while the process runs: discovery and OpenAPI.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::fmt::rfc2822::DateTimePrinter;
use serde::Serialize;

use crate::clock::UnixMillis;

/// The longest that HTTP lets anything be kept.
const LONGEST_KEPT: Duration = Duration::from_hours(365 * 24);

/// One document, written once, with the tag by which clients keep it.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    content_type: HeaderValue,
    body: Bytes,
    tag: String,
}

impl Document {
    /// The JSON of `value`.
    pub(crate) fn of(value: &impl Serialize, content_type: &'static str) -> Self {
        // Our own documents have string keys only, so that writing them cannot fail.
        let mut body = serde_json::to_vec(value).unwrap_or_default();
        body.push(b'\n');
        // Equal content has an equal tag in every replica of a release, which is all a tag is for.
        let mut hasher = DefaultHasher::new();
        (content_type, &body).hash(&mut hasher);
        let tag = format!("{:016X}", hasher.finish());
        Self { content_type: HeaderValue::from_static(content_type), body: body.into(), tag }
    }

    /// Changes with the content; without the quotes of an `ETag`.
    pub(crate) fn tag(&self) -> &str {
        &self.tag
    }

    /// The document, or 304 for a client that has it.
    pub(crate) fn answer(&self, request: &HeaderMap) -> Response {
        let mut response = if self.is_known(request) {
            (StatusCode::NOT_MODIFIED, Body::empty()).into_response()
        } else {
            self.untagged()
        };
        let headers = response.headers_mut();
        if let Ok(tag) = HeaderValue::try_from(self.quoted_tag()) {
            headers.insert(header::ETAG, tag);
        }
        headers.insert(header::VARY, HeaderValue::from_static("Accept"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public"));
        response
    }

    /// The same for a client that named the document by its tag: what it gets will never change, so
    /// that it need not ask again.
    pub(crate) fn answer_for_good(&self, request: &HeaderMap, now: UnixMillis) -> Response {
        let mut response = self.answer(request);
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, immutable"));
        if let Ok(expires) = HeaderValue::try_from(http_date(now + LONGEST_KEPT)) {
            headers.insert(header::EXPIRES, expires);
        }
        response
    }

    /// The document, always and whole: for clients that take a 304 for an error.
    pub(crate) fn untagged(&self) -> Response {
        let mut response = Body::from(self.body.clone()).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, self.content_type.clone());
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
        response
    }

    /// Whether the client has this document already.
    fn is_known(&self, request: &HeaderMap) -> bool {
        let lines = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
        let tag = self.quoted_tag();
        // A tag is weak once somebody on the way has compressed the answer.
        lines.flat_map(|line| line.split(',')).any(|known| known.trim().trim_start_matches("W/") == tag)
    }

    fn quoted_tag(&self) -> String {
        format!("\"{}\"", self.tag)
    }
}

/// A point in time as HTTP headers have it; empty for one that no calendar knows.
fn http_date(time: UnixMillis) -> String {
    let time = jiff::Timestamp::from_millisecond(time.0);
    let date = time.and_then(|time| DateTimePrinter::new().timestamp_to_rfc9110_string(&time));
    date.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn known(lines: &[&str]) -> HeaderMap {
        let lines = lines.iter().map(|line| (header::IF_NONE_MATCH, HeaderValue::from_str(line).unwrap()));
        lines.collect()
    }

    #[test]
    fn a_client_that_has_the_document_is_told_so() {
        let document = Document::of(&json!({"a": 1}), "application/json");
        let tag = document.quoted_tag();
        for lines in [&[&*tag][..], &[&format!("\"x\", {tag}")], &["\"x\"", &tag], &[&format!("W/{tag}")]] {
            let answer = document.answer(&known(lines));
            assert_eq!(answer.status(), StatusCode::NOT_MODIFIED, "{lines:?}");
            assert_eq!(answer.headers()[header::ETAG], *tag);
        }
        for lines in [&[][..], &["\"x\""], &[document.tag()], &["\"", "W/"]] {
            assert_eq!(document.answer(&known(lines)).status(), StatusCode::OK, "{lines:?}");
        }
    }

    #[test]
    fn tags_differ_by_content_and_by_type() {
        let tag = |value: serde_json::Value, content_type| Document::of(&value, content_type).tag;
        let first = tag(json!({"a": 1}), "application/json");
        assert_eq!(first, tag(json!({"a": 1}), "application/json"));
        assert_ne!(first, tag(json!({"a": 2}), "application/json"));
        assert_ne!(first, tag(json!({"a": 1}), "application/json;as=Other"));
    }

    #[test]
    fn what_never_changes_is_kept_for_a_year() {
        let document = Document::of(&json!({}), "application/json");
        let answer = document.answer_for_good(&HeaderMap::new(), UnixMillis(1_800_000_000_000));
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "public, immutable");
        assert_eq!(answer.headers()[header::EXPIRES], "Sat, 15 Jan 2028 08:00:00 GMT");
        assert_eq!(http_date(UnixMillis(i64::MAX)), "");
    }
}
