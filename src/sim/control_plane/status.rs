//! Errors of the pretend API server, as Kubernetes clients expect them: a `Status` object.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::sim::control_plane::kinds::Kind;
use crate::sim::control_plane::storage::StorageError;

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    code: StatusCode,
    reason: &'static str,
    message: String,
}

impl Status {
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self { code: StatusCode::BAD_REQUEST, reason: "BadRequest", message: message.into() }
    }

    pub(crate) fn unauthorized() -> Self {
        Self { code: StatusCode::UNAUTHORIZED, reason: "Unauthorized", message: "Unauthorized".to_owned() }
    }

    pub(crate) fn forbidden(message: String) -> Self {
        Self { code: StatusCode::FORBIDDEN, reason: "Forbidden", message }
    }

    pub(crate) fn unknown_path() -> Self {
        let message = "the server could not find the requested resource".to_owned();
        Self { code: StatusCode::NOT_FOUND, reason: "NotFound", message }
    }

    pub(crate) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource".to_owned();
        Self { code: StatusCode::METHOD_NOT_ALLOWED, reason: "MethodNotAllowed", message }
    }

    pub(crate) fn unsupported_media_type(accepted: &str) -> Self {
        let message =
            format!("the body of the request was in an unknown format - accepted media types include: {accepted}");
        Self { code: StatusCode::UNSUPPORTED_MEDIA_TYPE, reason: "UnsupportedMediaType", message }
    }

    pub(crate) fn expired() -> Self {
        let message = "The provided resource version or continue token is too old".to_owned();
        Self { code: StatusCode::GONE, reason: "Expired", message }
    }

    pub(crate) fn too_many_requests() -> Self {
        let message = "the server has received too many requests and has asked us to try again later".to_owned();
        Self { code: StatusCode::TOO_MANY_REQUESTS, reason: "TooManyRequests", message }
    }

    /// The object `name` is not there.
    pub(crate) fn not_found(kind: &Kind, name: &str) -> Self {
        Self::storage(StorageError::NotFound, kind, name)
    }

    /// A refused write of the object `name`.
    pub(crate) fn storage(error: StorageError, kind: &Kind, name: &str) -> Self {
        let resource = kind.qualified();
        let (code, reason, message) = match error {
            StorageError::NotFound => (StatusCode::NOT_FOUND, "NotFound", format!("{resource} {name:?} not found")),
            StorageError::AlreadyExists => {
                (StatusCode::CONFLICT, "AlreadyExists", format!("{resource} {name:?} already exists"))
            }
            StorageError::Conflict => (
                StatusCode::CONFLICT,
                "Conflict",
                format!("Operation cannot be fulfilled on {resource} {name:?}: {error}"),
            ),
            StorageError::Expired => return Self::expired(),
        };
        Self { code, reason, message }
    }

    /// The object, for a body or for the `ERROR` event of a watch.
    pub(crate) fn object(&self) -> Value {
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code.as_u16(),
        })
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        json_response(self.code, &self.object())
    }
}

/// An answer in JSON.
pub(crate) fn json_response(code: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{value}\n")));
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
