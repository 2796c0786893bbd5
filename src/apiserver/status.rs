//! The one place where refusals and failures become what clients see: a `metav1.Status`.
//!
//! The message is for the caller; a cause that the caller should not see goes into the access line
//! by way of [`PrivateCause`]. Messages are those that Kubernetes clients know, since many of them
//! are shown to people as they are.

mod encoding;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::apiserver::authn::{AuthnError, User};
use crate::apiserver::authz::AuthzError;
use crate::apiserver::negotiate::JSON;
use crate::apiserver::{RequestInfo, ResourceRequest};
use crate::telemetry::causes;
use encoding::Told;
pub(crate) use encoding::encoded;

/// An answer that is not the one asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    code: StatusCode,
    reason: &'static str,
    message: String,
    /// Boxed, because every fallible function of the room carries a place for a status.
    details: Option<Box<Details>>,
    /// Where a list goes on; empty for all but one refusal.
    r#continue: String,
    private: Option<String>,
}

/// What the answer is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    group: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    kind: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<StatusCause>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct StatusCause {
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'static str,
    message: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    field: &'static str,
}

/// What went wrong behind an answer: an extension of the response, for the access line alone.
#[derive(Clone, Debug)]
pub(crate) struct PrivateCause(pub(crate) String);

impl Status {
    fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None, r#continue: String::new(), private: None }
    }

    /// 400: the request cannot be understood.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// 401.
    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    /// 403: `user` may not do what `request` asks for; `reason` is the authorizer's, often empty.
    pub(crate) fn forbidden(user: &User, request: &RequestInfo, reason: &str) -> Self {
        let (subject, deed, details) = match &request.resource {
            Some(resource) => forbidden_resource(&request.verb, resource),
            None => ("forbidden".to_owned(), format!("{} path {:?}", request.verb, request.path), Details::default()),
        };
        let mut message = format!("{subject}: User {:?} cannot {deed}", user.name);
        if !reason.is_empty() {
            message.push_str(": ");
            message.push_str(reason);
        }
        let message = message.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        Self { details: Some(Box::new(details)), ..Self::new(StatusCode::FORBIDDEN, "Forbidden", message) }
    }

    /// 404: no such path, group, version or resource.
    pub(crate) fn path_not_found() -> Self {
        let message = "the server could not find the requested resource";
        Self { details: Some(Box::default()), ..Self::new(StatusCode::NOT_FOUND, "NotFound", message) }
    }

    /// 404: no object `name` of the plural `resource`.
    pub(crate) fn not_found(group: &str, resource: &str, name: &str) -> Self {
        let qualified = qualified(group, resource);
        let details =
            Details { name: name.to_owned(), group: group.to_owned(), kind: resource.to_owned(), ..Details::default() };
        let message = format!("{qualified} {name:?} not found");
        Self { details: Some(Box::new(details)), ..Self::new(StatusCode::NOT_FOUND, "NotFound", message) }
    }

    /// The same answer, saying why as well.
    pub(crate) fn because(mut self, reason: &'static str, message: &str) -> Self {
        self.message = format!("{}: {message}", self.message);
        let cause = StatusCause { reason, message: message.to_owned(), field: "" };
        self.details.get_or_insert_default().causes.push(cause);
        self
    }

    /// 405: the path is known, the method is not for it.
    pub(crate) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self { details: Some(Box::default()), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message) }
    }

    /// 405: the resource is known, `verb` is not for it.
    pub(crate) fn verb_not_supported(verb: &str, group: &str, resource: &str) -> Self {
        let details = Details { group: group.to_owned(), kind: resource.to_owned(), ..Details::default() };
        let message = format!("{verb} is not supported on resources of kind {:?}", qualified(group, resource));
        Self {
            details: Some(Box::new(details)),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
        }
    }

    /// 406: none of the types that the caller accepts is ours.
    pub(crate) fn not_acceptable(offered: &str) -> Self {
        let message = format!("only the following media types are accepted: {offered}");
        Self::new(StatusCode::NOT_ACCEPTABLE, "NotAcceptable", message)
    }

    /// 410: what is kept does not reach back to `version`, or another replica has made it.
    pub(crate) fn version_expired(version: &str) -> Self {
        let message = format!("too old resource version: {version} is not kept here, list anew");
        Self::new(StatusCode::GONE, "Expired", message)
    }

    /// 410: a watcher has fallen behind what is kept.
    pub(crate) fn watch_behind() -> Self {
        let message = "too old resource version: the watch was read too slowly, list anew";
        Self::new(StatusCode::GONE, "Expired", message)
    }

    /// 410: the list that is to be continued is not kept any more; `token` continues with one of now.
    pub(crate) fn continue_expired(token: String) -> Self {
        let message = "the list that this continue key belongs to is not kept any more: begin a new one, or go on \
                       with the key in this answer, which leaves out or repeats what has changed in between";
        Self { r#continue: token, ..Self::new(StatusCode::GONE, "Expired", message) }
    }

    /// 504: the client knows something newer than we do.
    pub(crate) fn version_too_large(asked: u64, current: u64) -> Self {
        let message = format!("Too large resource version: {asked}, current: {current}");
        let cause = StatusCause {
            reason: "ResourceVersionTooLarge",
            message: "Too large resource version".to_owned(),
            field: "",
        };
        let details = Details { causes: vec![cause], ..Details::default() };
        let status = Self::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message);
        Self { details: Some(Box::new(details)), ..status }.retry_after(1)
    }

    /// 422: options of a list that do not go together.
    pub(crate) fn invalid_list_options(field: &'static str, message: &str) -> Self {
        let text = format!("ListOptions.meta.k8s.io \"\" is invalid: {field}: {message}");
        let cause = StatusCause { reason: "FieldValueForbidden", message: message.to_owned(), field };
        let details = Details {
            group: "meta.k8s.io".to_owned(),
            kind: "ListOptions".to_owned(),
            causes: vec![cause],
            ..Details::default()
        };
        Self { details: Some(Box::new(details)), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", text) }
    }

    /// 429: as many requests as we serve at once are under way.
    pub(crate) fn too_many_requests() -> Self {
        let message = "Too many requests, please try again later.";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", message).retry_after(1)
    }

    /// 500: our own fault; `private` tells the log more than the caller.
    pub(crate) fn internal(message: &str, private: Option<String>) -> Self {
        let message = format!("Internal error occurred: {message}");
        Self { private, ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message) }
    }

    /// 500: a handler panicked.
    pub(crate) fn panicked(private: String) -> Self {
        let message = "This request caused apiserver to panic. Look in the logs for details.";
        Self { private: Some(private), ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message) }
    }

    /// 503: not now.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
    }

    /// 504: not in time.
    pub(crate) fn timeout() -> Self {
        let message = "Timeout: request did not complete within the allotted timeout";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message)
    }

    /// The same answer, asking the client to try again after `seconds`.
    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.details.get_or_insert_default().retry_after_seconds = Some(seconds);
        self
    }
}

impl From<AuthnError> for Status {
    fn from(error: AuthnError) -> Self {
        let private = Some(causes(&error));
        match error {
            AuthnError::Unauthorized { .. } => Self { private, ..Self::unauthorized() },
            AuthnError::ImpersonationUnsupported { .. } => Self::bad_request(error.to_string()),
            AuthnError::Unavailable(_) => Self::internal(&error.to_string(), private),
        }
    }
}

impl From<AuthzError> for Status {
    fn from(error: AuthzError) -> Self {
        Self::internal(&error.to_string(), Some(causes(&error)))
    }
}

impl Status {
    /// The status as a line of JSON.
    pub(crate) fn json(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Metadata<'a> {
            #[serde(skip_serializing_if = "str::is_empty")]
            r#continue: &'a str,
        }
        /// The document's form on the wire.
        #[derive(Serialize)]
        struct Document<'a> {
            kind: &'static str,
            #[serde(rename = "apiVersion")]
            api_version: &'static str,
            metadata: Metadata<'a>,
            status: &'static str,
            message: &'a str,
            reason: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            details: Option<&'a Details>,
            code: u16,
        }
        let document = Document {
            kind: "Status",
            api_version: "v1",
            metadata: Metadata { r#continue: &self.r#continue },
            status: "Failure",
            message: &self.message,
            reason: self.reason,
            details: self.details.as_deref(),
            code: self.code.as_u16(),
        };
        let mut body = serde_json::to_vec(&document).unwrap_or_default();
        body.push(b'\n');
        body
    }
}

impl IntoResponse for Status {
    fn into_response(self) -> Response {
        let json = Bytes::from(self.json());
        let mut response = (self.code, [(header::CONTENT_TYPE, JSON)], json.clone()).into_response();
        if let Some(seconds) = self.details.as_ref().and_then(|details| details.retry_after_seconds) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(private) = &self.private {
            response.extensions_mut().insert(PrivateCause(private.clone()));
        }
        response.extensions_mut().insert(Told { status: self, json });
        response
    }
}

/// Subject, deed and details of a refusal that is about a resource.
fn forbidden_resource(verb: &str, request: &ResourceRequest) -> (String, String, Details) {
    let resource = if request.subresource.is_empty() {
        request.resource.clone()
    } else {
        format!("{}/{}", request.resource, request.subresource)
    };
    let mut subject = qualified(&request.group, &resource);
    if !request.name.is_empty() {
        subject = format!("{subject} {:?}", request.name);
    }
    let place = match request.namespace.as_str() {
        "" => "at the cluster scope".to_owned(),
        namespace => format!("in the namespace {namespace:?}"),
    };
    let deed = format!("{verb} resource {resource:?} in API group {:?} {place}", request.group);
    let details =
        Details { name: request.name.clone(), group: request.group.clone(), kind: resource, ..Details::default() };
    (format!("{subject} is forbidden"), deed, details)
}

fn qualified(group: &str, resource: &str) -> String {
    if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") }
}

#[cfg(test)]
mod tests;
