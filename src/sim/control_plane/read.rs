//! Get and list.

use std::sync::Arc;

use axum::body::Body;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, Response, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::sim::control_plane::attributes::{Attributes, Query};
use crate::sim::control_plane::kinds::Kind;
use crate::sim::control_plane::selector::Selector;
use crate::sim::control_plane::status::Status;
use crate::sim::control_plane::storage::{Key, Object, Objects, Storage};

/// Where the next page of a list begins.
#[derive(Debug, Serialize, Deserialize)]
struct Continue {
    revision: u64,
    namespace: String,
    name: String,
}

/// One object.
pub(crate) fn get(storage: &Storage, kind: &Kind, wanted: &Attributes) -> Result<Response<Body>, Status> {
    let key = Key { namespace: wanted.namespace.clone(), name: wanted.name.clone() };
    let found = storage.find(kind.plural, &key).ok_or_else(|| Status::not_found(kind, &wanted.name))?;
    Ok(json_body(Body::from(found.json.clone())))
}

/// All objects of a kind, or those of one namespace; a page of them where `limit` says so.
pub(crate) fn list(
    storage: &Storage,
    kind: &Kind,
    wanted: &Attributes,
    query: &Query,
) -> Result<Response<Body>, Status> {
    let selector =
        Selector::parse(query.text("labelSelector"), query.text("fieldSelector")).map_err(Status::bad_request)?;
    let limit = match query.text("limit") {
        "" | "0" => usize::MAX,
        text => text.parse().map_err(|_| Status::bad_request(format!("invalid limit {text:?}")))?,
    };
    let page = Continue::parse(query.text("continue"))?;
    let (mut revision, objects) = storage.list(kind.plural);
    if let Some(page) = &page {
        // The page is cut from what is there now. A client that watches from the first page's
        // revision hears of every change since, so that it ends with the truth all the same.
        storage.events_after(kind.plural, page.revision).map_err(|_| Status::expired())?;
        revision = page.revision;
    }
    let mut items: Vec<Arc<Object>> = matching(&objects, page.as_ref(), &wanted.namespace, &selector)
        .take(limit.saturating_add(1))
        .cloned()
        .collect();
    let next = (items.len() > limit).then(|| items.pop()).flatten().map(|first| Continue::before(revision, &first.key));
    Ok(json_body(list_body(kind, revision, next.as_ref(), items)))
}

/// The objects of `namespace` (of all, when empty) that match, from the page's beginning on.
pub(crate) fn present<'a>(
    objects: &'a Objects,
    namespace: &'a str,
    selector: &'a Selector,
) -> impl Iterator<Item = &'a Arc<Object>> {
    matching(objects, None, namespace, selector)
}

fn matching<'a>(
    objects: &'a Objects,
    page: Option<&Continue>,
    namespace: &'a str,
    selector: &'a Selector,
) -> impl Iterator<Item = &'a Arc<Object>> {
    let first = match page {
        Some(page) => Key { namespace: page.namespace.clone(), name: page.name.clone() },
        None => Key { namespace: namespace.to_owned(), name: String::new() },
    };
    objects
        .range(first..)
        .map(|(_, object)| object)
        .take_while(move |object| namespace.is_empty() || object.key.namespace == namespace)
        .filter(move |object| selector.matches(object))
}

fn list_body(kind: &Kind, revision: u64, next: Option<&Continue>, items: Vec<Arc<Object>>) -> Body {
    let metadata = json!({"resourceVersion": revision.to_string(), "continue": next.map(Continue::token)});
    let head = format!(
        r#"{{"kind":"{}List","apiVersion":"{}","metadata":{metadata},"items":["#,
        kind.name,
        kind.api_version()
    );
    let mut separator = Bytes::new();
    let items = items.into_iter().flat_map(move |item| {
        let before = std::mem::replace(&mut separator, Bytes::from_static(b","));
        [before, item.json.clone()]
    });
    let pieces = std::iter::once(Bytes::from(head)).chain(items).chain([Bytes::from_static(b"]}\n")]);
    Body::from_stream(stream::iter(pieces.filter(|piece| !piece.is_empty()).map(Ok::<_, std::convert::Infallible>)))
}

fn json_body(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl Continue {
    fn before(revision: u64, key: &Key) -> Self {
        Self { revision, namespace: key.namespace.clone(), name: key.name.clone() }
    }

    fn parse(token: &str) -> Result<Option<Self>, Status> {
        if token.is_empty() {
            return Ok(None);
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
        let parsed = serde_json::from_slice(&bytes);
        parsed.map(Some).map_err(|_| Status::bad_request("continue key is not valid"))
    }

    fn token(&self) -> Value {
        Value::String(BASE64_URL_SAFE_NO_PAD.encode(json!(self).to_string()))
    }
}
