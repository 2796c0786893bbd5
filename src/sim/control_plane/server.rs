//! One request's way: who asks, may they, who answers.

use std::sync::Arc;

use axum::body::Body;
use http::request::Parts;
use http::{HeaderMap, Request, Response, header};
use http_body_util::{BodyExt, Limited};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::sim::control_plane::access::{is_allowed, refusal};
use crate::sim::control_plane::accounts::{Accounts, User};
use crate::sim::control_plane::attributes::{Attributes, Query};
use crate::sim::control_plane::kinds::Kind;
use crate::sim::control_plane::status::Status;
use crate::sim::control_plane::storage::Storage;
use crate::sim::control_plane::trouble::{Trouble, Troubles};
use crate::sim::control_plane::{discovery, read, reviews, watch, write};
use crate::sim::front::Front;

/// Largest body of a write: what kube-apiserver takes.
const BODY_LIMIT_BYTES: usize = 3 * 1024 * 1024;

/// The pretend API server, apart from its listener.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) accounts: Accounts,
    pub(crate) storage: Arc<Storage>,
    pub(crate) front: Front,
    pub(crate) clock: Clock,
    pub(in crate::sim) troubles: Troubles,
    pub(crate) stop: CancellationToken,
}

impl Server {
    /// Answers one request of `client`.
    pub(crate) async fn answer(&self, request: Request<Body>, client: std::net::SocketAddr) -> Response<Body> {
        if matches!(request.uri().path(), "/healthz" | "/livez" | "/readyz") {
            return Response::new(Body::from("ok"));
        }
        let query = Query::parse(request.uri().query().unwrap_or_default());
        let wanted = Attributes::of(&request, &query);
        let answered = match self.admit(request.headers(), &wanted) {
            Ok(user) if self.front.covers(&wanted.path) => Ok(self.front.proxy(&user, request, client).await),
            Ok(_) => self.answer_itself(request, &wanted, &query).await,
            Err(status) => Err(status),
        };
        answered.unwrap_or_else(Status::into_response)
    }

    fn admit(&self, headers: &HeaderMap, wanted: &Attributes) -> Result<Arc<User>, Status> {
        let user = self.accounts.authenticate(headers).ok_or_else(Status::unauthorized)?;
        if headers.keys().any(|name| name.as_str().starts_with("impersonate-")) {
            return Err(Status::bad_request("the simulated API server does not impersonate"));
        }
        if is_allowed(&user, wanted) { Ok(user) } else { Err(Status::forbidden(refusal(&user, wanted))) }
    }

    async fn answer_itself(
        &self,
        request: Request<Body>,
        wanted: &Attributes,
        query: &Query,
    ) -> Result<Response<Body>, Status> {
        if !wanted.is_resource {
            return discovery::answer(&wanted.path, &self.front.group_versions());
        }
        let kind = Kind::find(&wanted.group, &wanted.version, &wanted.resource).ok_or_else(Status::unknown_path)?;
        if !wanted.subresource.is_empty() {
            return Err(Status::unknown_path());
        }
        if !kind.verbs.contains(&wanted.verb.as_str()) {
            return Err(Status::method_not_allowed());
        }
        if matches!(kind.plural, "nodes" | "pods") {
            self.trouble(&wanted.verb).await?;
        }
        match wanted.verb.as_str() {
            "get" => read::get(&self.storage, kind, wanted),
            "list" => read::list(&self.storage, kind, wanted, query),
            "watch" => watch::watch(&self.storage, kind, wanted, query, (&self.stop, &self.troubles)),
            _ => self.write(request, kind, wanted).await,
        }
    }

    /// What is wrong with the first answer to a list or a watch.
    async fn trouble(&self, verb: &str) -> Result<(), Status> {
        match (self.troubles.now(), verb) {
            (Some(Trouble::Expired), "watch") => Err(Status::expired()),
            (Some(Trouble::TooManyRequests), "list" | "watch") => Err(Status::too_many_requests()),
            (Some(Trouble::SlowList(pause)), "list") => {
                tokio::time::sleep(pause).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn write(
        &self,
        request: Request<Body>,
        kind: &'static Kind,
        wanted: &Attributes,
    ) -> Result<Response<Body>, Status> {
        if wanted.verb == "delete" {
            return write::delete(&self.storage, kind, wanted);
        }
        let (parts, body) = request.into_parts();
        accepts(&parts, wanted)?;
        let body = Limited::new(body, BODY_LIMIT_BYTES).collect().await;
        let body = body.map_err(|error| Status::bad_request(format!("the body cannot be read: {error}")))?;
        let object: Value = serde_json::from_slice(&body.to_bytes())
            .map_err(|error| Status::bad_request(format!("the body is no JSON object: {error}")))?;
        match (kind.plural, wanted.verb.as_str()) {
            ("tokenreviews", _) => Ok(reviews::token(&self.accounts, object)),
            ("subjectaccessreviews", _) => Ok(reviews::access(object)),
            (_, "create") => write::create(&self.storage, kind, wanted, object, self.clock.now()),
            (_, "update") => write::update(&self.storage, kind, wanted, object),
            _ => write::patch(&self.storage, kind, wanted, object),
        }
    }
}

fn accepts(parts: &Parts, wanted: &Attributes) -> Result<(), Status> {
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let accepted = if wanted.verb == "patch" { "application/merge-patch+json" } else { "application/json" };
    match content_type.map(|content_type| content_type.split(';').next().unwrap_or_default().trim()) {
        None if wanted.verb != "patch" => Ok(()),
        Some(given) if given == accepted => Ok(()),
        _ => Err(Status::unsupported_media_type(accepted)),
    }
}
