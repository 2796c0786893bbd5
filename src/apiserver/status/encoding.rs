//! A status in the encoding that its caller takes.
//!
//! Statuses are made where nobody knows what the caller accepts, some before the request was
//! understood. Each becomes an answer in JSON and travels with it, as an extension, to the outermost
//! filter, which writes it anew for those who take something else.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, header};
use prost::Message as _;

use crate::apiserver::negotiate::{Accepted, Encoding};
use crate::apiserver::protobuf::{self, meta};
use crate::apiserver::resources::{indent, yaml};
use crate::apiserver::status::Status;

/// What an answer tells, for those who take it in another encoding.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) status: Status,
    /// The answer's body as it is.
    pub(super) json: Bytes,
}

/// `response` as `accepted`, if it is a status; any other as it is.
pub(crate) fn encoded(mut response: Response, accepted: Accepted) -> Response {
    let Some(Told { status, json }) = response.extensions_mut().remove() else { return response };
    let body = match accepted.encoding {
        Encoding::Json if !accepted.pretty => return response,
        Encoding::Json => indent(&json),
        Encoding::Yaml => yaml::document(&json),
        Encoding::Protobuf => status.envelope(),
    };
    *response.body_mut() = Body::from(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(accepted.content_type()));
    // They were about the bytes that are gone.
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::CONTENT_ENCODING);
    response
}

impl Status {
    /// The status as Kubernetes protobuf.
    pub(crate) fn envelope(&self) -> Vec<u8> {
        let message = meta::Status {
            metadata: meta::ListMeta { r#continue: self.r#continue.clone(), ..meta::ListMeta::default() },
            status: "Failure".to_owned(),
            message: self.message.clone(),
            reason: self.reason.to_owned(),
            details: self.details.as_ref().map(|details| meta::StatusDetails {
                name: details.name.clone(),
                group: details.group.clone(),
                kind: details.kind.clone(),
                causes: details.causes.iter().map(cause).collect(),
                retry_after_seconds: details.retry_after_seconds.map_or(0, u32::cast_signed),
            }),
            code: self.code.as_u16().into(),
        };
        protobuf::envelope("v1", "Status", &message.encode_to_vec())
    }
}

fn cause(cause: &super::StatusCause) -> meta::StatusCause {
    meta::StatusCause { reason: cause.reason.to_owned(), message: cause.message.clone(), field: cause.field.to_owned() }
}

#[cfg(test)]
mod tests;
