//! One review, asked with patience.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http_body_util::{BodyExt as _, Limited};
use kube::api::{PostParams, Request};
use kube::client::Body;
use kube::runtime::watcher::DefaultBackoff;
use kube::{Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tracing::{Instrument as _, field};

/// For one review with all its retries: a caller waits no longer to learn who he is.
const PATIENCE: Duration = Duration::from_secs(10);
/// Asked again so often, when the API server stumbles.
const RETRIES: usize = 4;
/// Reviews of one kind under way at once; further ones wait. Each is a connection to the API server,
/// which shall not learn from us how many ask us things that it was never asked.
const UNDER_WAY: usize = 64;
/// A user of thousands of groups is told in less.
const ANSWER_BYTES: usize = 1024 * 1024;

/// Why there is no verdict. All mean: try again later. None repeats what was asked or answered, which
/// holds the token.
#[derive(Clone, Debug, thiserror::Error)]
pub(in crate::apiserver) enum ReviewError {
    /// No answer in time.
    #[error("the API server did not answer in time")]
    TimedOut,
    /// The API server could not be reached.
    #[error("the API server gave no verdict")]
    Unreachable(#[source] Arc<kube::Error>),
    /// The API server answered with an error, or sent us elsewhere.
    #[error("the API server answered {0} and gave no verdict")]
    Refused(StatusCode),
    /// The answer broke off, is too long, or is no review.
    #[error("the API server's answer is no verdict")]
    Unreadable,
}

/// Asks one kind of review.
#[derive(Clone)]
pub(in crate::apiserver) struct Asker {
    client: Client,
    places: Arc<Semaphore>,
}

impl Asker {
    /// Asks the API server of `client`.
    pub(in crate::apiserver) fn new(client: Client) -> Self {
        Self { client, places: Arc::new(Semaphore::new(UNDER_WAY)) }
    }

    /// Posts `review` and returns it as answered.
    pub(in crate::apiserver) async fn ask<R>(self, review: R) -> Result<R, ReviewError>
    where
        R: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Debug,
    {
        let asking = async {
            let _place = self.places.acquire().await;
            for pause in DefaultBackoff::default().take(RETRIES) {
                match attempt(&self.client, &review).await {
                    Err(error) if is_passing(&error) => {
                        tracing::debug!(%error, "review failed, asking again");
                        tokio::time::sleep(pause).await;
                    }
                    answer => return answer,
                }
            }
            attempt(&self.client, &review).await
        };
        tokio::time::timeout(PATIENCE, asking).await.unwrap_or(Err(ReviewError::TimedOut))
    }
}

/// One request, in the trace of the first who waits for its answer. The client adds whom it asks.
async fn attempt<R>(client: &Client, review: &R) -> Result<R, ReviewError>
where
    R: Resource<DynamicType = ()> + Serialize + DeserializeOwned,
{
    let path = R::url_path(&(), None);
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
    let answer = exchange(client, path, review).instrument(span.clone()).await;
    match &answer {
        Ok(_) => {
            span.record("http.response.status_code", StatusCode::CREATED.as_u16());
        }
        Err(error) => {
            span.record("otel.status_code", "ERROR");
            if let ReviewError::Refused(status) = error {
                span.record("http.response.status_code", status.as_u16());
                span.record("error.type", field::display(status.as_u16()));
            } else {
                span.record("error.type", "unreachable");
            }
        }
    }
    answer
}

/// Not by the client's own way to create objects: it reads answers of any length, and logs those that
/// it cannot read, token and all.
async fn exchange<R>(client: &Client, path: String, review: &R) -> Result<R, ReviewError>
where
    R: Serialize + DeserializeOwned,
{
    let question = serde_json::to_vec(review).map_err(|_| ReviewError::Unreadable)?;
    let request = Request::new(path).create(&PostParams::default(), question);
    let request = request.map_err(|error| ReviewError::unreachable(kube::Error::BuildRequest(error)))?;
    let answer = client.send(request.map(Body::from)).await.map_err(ReviewError::unreachable)?;
    if !answer.status().is_success() {
        return Err(ReviewError::Refused(answer.status()));
    }
    let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
    let body = body.map_err(|_| ReviewError::Unreadable)?.to_bytes();
    serde_json::from_slice(&body).map_err(|_| ReviewError::Unreadable)
}

impl ReviewError {
    fn unreachable(error: kube::Error) -> Self {
        Self::Unreachable(Arc::new(error))
    }
}

fn is_passing(error: &ReviewError) -> bool {
    match error {
        ReviewError::Unreachable(_) => true,
        ReviewError::Refused(status) => matches!(
            *status,
            StatusCode::INTERNAL_SERVER_ERROR
                | StatusCode::TOO_MANY_REQUESTS
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        ),
        ReviewError::TimedOut | ReviewError::Unreadable => false,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::authentication::v1::TokenReview;
    use serde_json::json;

    use super::*;
    use crate::apiserver::fixtures::ApiServer;

    #[tokio::test(start_paused = true)]
    async fn few_are_under_way_at_once_and_nobody_waits_longer_for_it() {
        let api = ApiServer::hanging();
        let asker = Asker::new(api.client());
        let start = tokio::time::Instant::now();
        let asking = (0..3 * UNDER_WAY).map(|_| asker.clone().ask(TokenReview::default()));
        let answers = futures::future::join_all(asking).await;
        assert!(answers.iter().all(|answer| matches!(answer, Err(ReviewError::TimedOut))));
        assert_eq!((api.requests().len(), start.elapsed()), (UNDER_WAY, PATIENCE));
    }

    #[tokio::test]
    async fn an_answer_that_is_too_long_or_of_another_kind_is_no_verdict() {
        let long = json!({"status": {"authenticated": true, "error": "x".repeat(ANSWER_BYTES)}});
        let other = json!({"kind": "Pod", "status": {"authenticated": true}});
        for answer in [long, other, json!([])] {
            let asker = Asker::new(ApiServer::answering(201, answer).client());
            assert!(matches!(asker.ask(TokenReview::default()).await, Err(ReviewError::Unreadable)));
        }
    }
}
