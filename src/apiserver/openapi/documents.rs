//! The documents at `/openapi/v2` and `/openapi/v3`, written once.

use axum::response::Response;
use http::{HeaderMap, Uri};
use serde_json::{Map, Value, json};

use super::definition::with_parts;
use super::format::Format;
use super::operation;
use crate::apiserver::document::Document;
use crate::apiserver::groups::{ApiVersion, Groups};
use crate::apiserver::negotiate::{JSON, accepts_json};
use crate::apiserver::status::Status;
use crate::clock::UnixMillis;

/// All of them, in JSON: the form that kube-aggregator asks for.
#[derive(Debug)]
pub(crate) struct OpenApi {
    v2: Document,
    v3: Document,
    v3_by_version: Vec<(String, Document)>,
}

impl OpenApi {
    pub(crate) fn new(groups: &Groups) -> Self {
        let v3_by_version: Vec<_> =
            groups.versions().map(|version| (key(version), Document::of(&v3(version), JSON))).collect();
        let index = v3_by_version.iter().map(|(key, document)| {
            let url = format!("/openapi/v3/{key}?hash={}", document.tag());
            (key.clone(), json!({ "serverRelativeURL": url }))
        });
        let index = json!({ "paths": index.collect::<Map<_, _>>() });
        Self { v2: Document::of(&v2(groups), JSON), v3: Document::of(&index, JSON), v3_by_version }
    }

    /// `/openapi/v2`.
    pub(crate) fn v2(&self, headers: &HeaderMap) -> Result<Response, Status> {
        accepts_json(headers)?;
        Ok(self.v2.answer(headers))
    }

    /// `/openapi/v3`: where the documents of each group and version are.
    pub(crate) fn v3(&self, headers: &HeaderMap) -> Result<Response, Status> {
        accepts_json(headers)?;
        Ok(self.v3.answer(headers))
    }

    /// `/openapi/v3/apis/GROUP/VERSION`. Whatever `hash` the client names, it gets the document
    /// of now: a redirect to it would become a 502 on the way through the aggregator.
    pub(crate) fn v3_of(&self, uri: &Uri, headers: &HeaderMap, now: UnixMillis) -> Result<Response, Status> {
        let key = uri.path().strip_prefix("/openapi/v3/").unwrap_or_default();
        let document = self.v3_by_version.iter().find(|(known, _)| known == key).map(|(_, document)| document);
        let document = document.ok_or_else(Status::path_not_found)?;
        accepts_json(headers)?;
        let query = uri.query().unwrap_or_default();
        let hash = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "hash");
        Ok(match hash {
            Some((_, hash)) if hash == document.tag() => document.answer_for_good(headers, now),
            _ => document.answer(headers),
        })
    }
}

/// How the index calls the document of `version`.
fn key(version: &ApiVersion) -> String {
    version.root().trim_start_matches('/').to_owned()
}

fn v2(groups: &Groups) -> Value {
    json!({
        "swagger": "2.0",
        "info": info(),
        "paths": groups.versions().flat_map(|version| operation::paths(version, Format::V2)).collect::<Map<_, _>>(),
        "definitions": groups.versions().flat_map(|version| schemas(version, Format::V2)).collect::<Map<_, _>>(),
        "securityDefinitions": credentials(),
        "security": [{ "BearerToken": [] }],
    })
}

fn v3(version: &ApiVersion) -> Value {
    json!({
        "openapi": "3.0.0",
        "info": info(),
        "paths": operation::paths(version, Format::V3),
        "components": {
            "schemas": schemas(version, Format::V3).collect::<Map<_, _>>(),
            "securitySchemes": credentials(),
        },
        "security": [{ "BearerToken": [] }],
    })
}

fn schemas(version: &ApiVersion, format: Format) -> impl Iterator<Item = (String, Value)> {
    let definitions = with_parts(operation::answers(version), version.dialect);
    definitions.into_iter().map(move |it| (it.full_name(version), it.schema(version, format)))
}

fn info() -> Value {
    json!({ "title": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") })
}

fn credentials() -> Value {
    json!({ "BearerToken": {
        "type": "apiKey", "in": "header", "name": "authorization",
        "description": "Bearer, a space, and the token.",
    } })
}
