//! Where another replica takes our samples. For users there is nothing here, whatever they may do.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header;

use crate::apiserver::content::Content;
use crate::apiserver::status::Status;
use crate::replicas::{Given, MEDIA_TYPE, Refusal};

pub(crate) use crate::replicas::PATH;

/// An extension of a request: who asks has shown the certificate of another replica.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OtherReplica;

/// All samples of this moment, or all scrapes from now on.
pub(crate) async fn hand_over(State(content): State<Arc<Content>>, request: Request) -> Result<Response, Status> {
    let offer = content.api.offer.as_ref().filter(|_| request.extensions().get::<OtherReplica>().is_some());
    let offer = offer.ok_or_else(Status::path_not_found)?;
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let Given { media_type, samples } = offer.samples(accept).map_err(|refusal| match refusal {
        Refusal::OtherVersion => Status::not_acceptable(MEDIA_TYPE),
        Refusal::NotReady => Status::unavailable(refusal.to_string()),
        Refusal::Busy => Status::too_many_requests(),
    })?;
    Ok(([(header::CONTENT_TYPE, media_type)], Body::from_stream(samples)).into_response())
}
