//! Documents that do not change while the process runs: discovery and OpenAPI.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;

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
        let tag = format!("\"{}\"", self.tag);
        let known = request.get_all(header::IF_NONE_MATCH).iter().any(|known| *known == *tag);
        let mut response =
            if known { (StatusCode::NOT_MODIFIED, Body::empty()).into_response() } else { self.untagged() };
        let headers = response.headers_mut();
        if let Ok(tag) = HeaderValue::try_from(tag) {
            headers.insert(header::ETAG, tag);
        }
        headers.insert(header::VARY, HeaderValue::from_static("Accept"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public"));
        response
    }

    /// The document, always and whole: for clients that take a 304 for an error.
    pub(crate) fn untagged(&self) -> Response {
        let mut response = Body::from(self.body.clone()).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, self.content_type.clone());
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
        response
    }
}
