//! One proxied request.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use futures::TryStreamExt;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Body as _;

use crate::sim::control_plane::User;
use crate::sim::front::backend::Peer;
use crate::sim::front::{ApiService, Front, identity, target};
use crate::telemetry::causes;

/// Discovery must not hold up whoever waits for the list of groups.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(5);
/// kube-apiserver's bound for requests that are no watches.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);

impl Front {
    /// Sends the request on as `user`'s and streams the answer back. Errors are plain text, as the
    /// aggregator's are.
    pub(crate) async fn proxy(&self, user: &User, request: Request<Body>, client: SocketAddr) -> Response<Body> {
        let Some(service) = self.api_service(request.uri().path()) else {
            return refusal(StatusCode::NOT_FOUND, "404 page not found".to_owned());
        };
        if !service.is_available {
            return refusal(StatusCode::SERVICE_UNAVAILABLE, "service unavailable".to_owned());
        }
        match self.send(&service, user, request, client).await {
            Ok(answer) => returned(answer),
            Err(error) => refusal(StatusCode::SERVICE_UNAVAILABLE, format!("error trying to reach service: {error}")),
        }
    }

    async fn send(
        &self,
        service: &ApiService,
        user: &User,
        request: Request<Body>,
        client: SocketAddr,
    ) -> Result<reqwest::Response, String> {
        let uri = request.uri();
        let target = target::path_and_query(uri.path(), uri.query().unwrap_or_default());
        let headers = identity::headers(request.headers(), user, uri, client);
        let mut sent = self.request(service, request.method().clone(), &target)?.headers(headers);
        if let Some(timeout) = timeout(&target) {
            sent = sent.timeout(timeout);
        }
        if !request.body().is_end_stream() {
            sent = sent.body(reqwest::Body::wrap_stream(request.into_body().into_data_stream()));
        }
        sent.send().await.map_err(|error| causes(&error))
    }

    /// A request to the service's server, which has no headers yet.
    pub(super) fn request(
        &self,
        service: &ApiService,
        method: http::Method,
        target: &str,
    ) -> Result<reqwest::RequestBuilder, String> {
        let address = self.address(service).ok_or("no endpoint of the service is known")?;
        let peer = Peer { dns_name: service.dns_name.clone(), address, ca_bundle: service.ca_bundle.clone() };
        let client = self.backends.client(&peer).map_err(|error| causes(&error))?;
        let url = format!("https://{}:{}{target}", service.dns_name, address.port());
        Ok(client.request(method, url))
    }
}

fn timeout(target: &str) -> Option<Duration> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let is_discovery = path.split('/').filter(|segment| !segment.is_empty()).count() == 3;
    let is_watch = query.split('&').any(|pair| matches!(pair, "watch=1" | "watch=true"));
    match (is_discovery, is_watch) {
        (true, _) => Some(DISCOVERY_TIMEOUT),
        (false, true) => None,
        (false, false) => Some(REQUEST_TIMEOUT),
    }
}

fn returned(answer: reqwest::Response) -> Response<Body> {
    if answer.status().is_redirection() && answer.headers().contains_key(header::LOCATION) {
        let text = "the backend attempted to redirect this request, which is not permitted";
        return refusal(StatusCode::BAD_GATEWAY, text.to_owned());
    }
    let status = answer.status();
    let headers = identity::passed_on(answer.headers());
    let mut response = Response::new(Body::from_stream(answer.bytes_stream().map_err(|error| causes(&error))));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn refusal(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discovery_is_bounded_tighter_and_a_watch_not_at_all() {
        assert_eq!(timeout("/apis/g/v1"), Some(DISCOVERY_TIMEOUT));
        assert_eq!(timeout("/apis/g/v1/nodes?limit=500"), Some(REQUEST_TIMEOUT));
        assert_eq!(timeout("/apis/g/v1/nodes?a=b&watch=true"), None);
    }
}
