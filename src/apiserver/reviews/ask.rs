//! One review, asked with patience.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use kube::api::PostParams;
use kube::runtime::watcher::DefaultBackoff;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::{Instrument as _, field};

/// For one review with all its retries: a caller waits no longer to learn who he is.
const PATIENCE: Duration = Duration::from_secs(10);
/// Asked again so often, when the API server stumbles.
const RETRIES: usize = 4;

/// Why there is no verdict. All mean: try again later.
#[derive(Clone, Debug, thiserror::Error)]
pub(in crate::apiserver) enum ReviewError {
    /// No answer in time.
    #[error("the API server did not answer in time")]
    TimedOut,
    /// The API server answered with an error, or could not be reached.
    #[error("the API server gave no verdict")]
    Failed(#[source] Arc<kube::Error>),
}

/// Posts `review` and returns it as answered.
pub(in crate::apiserver) async fn ask<R>(client: Client, review: R) -> Result<R, ReviewError>
where
    R: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Clone + Debug,
{
    let api = Api::<R>::all(client);
    let asking = async {
        for pause in DefaultBackoff::default().take(RETRIES) {
            match attempt(&api, &review).await {
                Err(error) if is_passing(&error) => {
                    tracing::debug!(%error, "review failed, asking again");
                    tokio::time::sleep(pause).await;
                }
                answer => return answer,
            }
        }
        attempt(&api, &review).await
    };
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(answer) => answer.map_err(|error| ReviewError::Failed(Arc::new(error))),
        Err(_) => Err(ReviewError::TimedOut),
    }
}

/// One request, in the trace of the first who waits for its answer. The client adds whom it asks.
async fn attempt<R>(api: &Api<R>, review: &R) -> kube::Result<R>
where
    R: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Clone + Debug,
{
    let path = api.resource_url();
    let span = tracing::info_span!(
        "review",
        otel.name = %format_args!("POST {path}"),
        otel.kind = "client",
        otel.status_code = field::Empty,
        http.request.method = "POST",
        url.full = field::Empty,
        server.address = field::Empty,
        server.port = field::Empty,
        http.response.status_code = field::Empty,
        error.type = field::Empty,
    );
    let answer = api.create(&PostParams::default(), review).instrument(span.clone()).await;
    match &answer {
        Ok(_) => {
            span.record("http.response.status_code", StatusCode::CREATED.as_u16());
        }
        Err(error) => {
            span.record("otel.status_code", "ERROR");
            if let kube::Error::Api(status) = error {
                span.record("http.response.status_code", status.code);
                span.record("error.type", field::display(status.code));
            } else {
                span.record("error.type", "unreachable");
            }
        }
    }
    answer
}

fn is_passing(error: &kube::Error) -> bool {
    match error {
        kube::Error::Service(_) | kube::Error::HyperError(_) => true,
        kube::Error::Api(status) => [
            StatusCode::INTERNAL_SERVER_ERROR,
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::GATEWAY_TIMEOUT,
        ]
        .iter()
        .any(|code| code.as_u16() == status.code),
        _ => false,
    }
}
