//! Every path we serve, in one list.
//!
//! Handlers find out what is asked for from `RequestInfo`, as the filters before them did, so
//! that what was allowed is what is answered; the router only tells which handler it is.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get};
use http::{HeaderValue, Uri, header};

use crate::apiserver::authn::Authenticate;
use crate::apiserver::authz::Authorize;
use crate::apiserver::content::{Api, Content};
use crate::apiserver::filters::{self, Chain, Limits};
use crate::apiserver::groups::{ApiVersion, Groups};
use crate::apiserver::hand_over;
use crate::apiserver::health::{self, Probe};
use crate::apiserver::metrics::Metrics;
use crate::apiserver::resources::{NodeScrapes, Nodes, Pods, collection, object};
use crate::apiserver::status::Status;
use crate::apiserver::usage_page::usage_page;

type Shared = State<Arc<Content>>;
/// Going through more pods takes more than a millisecond: not on a thread that serves requests.
const INLINE_PODS: usize = 2_000;

type Routes = Vec<(String, MethodRouter<Arc<Content>>)>;

/// The whole API, with all filters. Every request needs its [`Peer`](crate::apiserver::Peer).
pub fn router(
    api: Api,
    authenticator: Arc<dyn Authenticate>,
    authorizer: Arc<dyn Authorize>,
    limits: Limits,
    metrics: Metrics,
) -> Router {
    let groups = Groups::new(&api.groups);
    let routes = routes(&groups);
    let paths: Vec<_> = routes.iter().map(|(path, _)| path.clone()).collect();
    let content = Content::new(api, &paths, &metrics);
    let chain = Arc::new(Chain::new(authenticator, authorizer, limits, metrics, &groups));
    routes
        .into_iter()
        .fold(Router::new(), |known, (path, method)| known.route(&path, method))
        // In no index: it is there for other replicas alone.
        .route(hand_over::PATH, get(hand_over::hand_over))
        .fallback(async || Status::path_not_found())
        .method_not_allowed_fallback(async || Status::method_not_allowed())
        .with_state(Arc::new(content))
        .layer(middleware::from_fn_with_state(chain, filters::pass))
}

fn routes(groups: &Groups) -> Routes {
    let mut routes: Routes = vec![
        ("/".to_owned(), get(index)),
        ("/apis".to_owned(), get(api_groups)),
        ("/apis/{group}".to_owned(), get(api_group)),
        ("/apis/{group}/{version}".to_owned(), get(api_group)),
        // Clients that were generated from OpenAPI ask for discovery with a slash at the end.
        ("/apis/".to_owned(), get(api_groups)),
        ("/apis/{group}/".to_owned(), get(api_group)),
        ("/apis/{group}/{version}/".to_owned(), get(api_group)),
        ("/openapi/v2".to_owned(), get(openapi_v2)),
        ("/openapi/v3".to_owned(), get(openapi_v3)),
        ("/openapi/v3/apis/{group}/{version}".to_owned(), get(openapi_v3_of)),
        ("/version".to_owned(), get(version)),
        ("/metrics".to_owned(), get(metrics)),
        ("/metrics/usage".to_owned(), get(usage_page)),
    ];
    for (path, probe) in [("/livez", Probe::Livez), ("/readyz", Probe::Readyz), ("/healthz", Probe::Healthz)] {
        let all = get(async move |State(content): Shared, request: Request| health(probe, &content, request.uri()));
        let one =
            get(async move |State(content): Shared, request: Request| health_check(probe, &content, request.uri()));
        routes.push((path.to_owned(), all));
        routes.push((format!("{path}/{{check}}"), one));
    }
    groups.versions().for_each(|version| routes.extend(resource_routes(version)));
    routes.extend(groups.own().map(|version| (format!("{}/healthz", version.root()), get(own_healthz))));
    routes
}

fn resource_routes(version: &ApiVersion) -> impl Iterator<Item = (String, MethodRouter<Arc<Content>>)> {
    version.resources.iter().flat_map(|resource| {
        resource.paths().into_iter().map(|path| {
            let handler = match (resource.plural, path.ends_with("{name}")) {
                ("nodes", false) => get(collection::<Nodes>),
                ("nodes", true) => get(object::<Nodes>),
                ("pods", false) => get(collection::<Pods>),
                ("pods", true) => get(object::<Pods>),
                ("nodescrapes", false) => get(collection::<NodeScrapes>),
                _ => get(object::<NodeScrapes>),
            };
            (version.root() + &path, handler)
        })
    })
}

async fn index(State(content): Shared) -> Response {
    content.index.untagged()
}

async fn api_groups(State(content): Shared, request: Request) -> Result<Response, Status> {
    content.discovery.groups(request.headers())
}

async fn api_group(State(content): Shared, request: Request) -> Result<Response, Status> {
    content.discovery.below(request.uri().path(), request.headers())
}

async fn openapi_v2(State(content): Shared, request: Request) -> Result<Response, Status> {
    content.openapi.v2(request.headers())
}

async fn openapi_v3(State(content): Shared, request: Request) -> Result<Response, Status> {
    content.openapi.v3(request.headers())
}

async fn openapi_v3_of(State(content): Shared, request: Request) -> Result<Response, Status> {
    content.openapi.v3_of(request.uri(), request.headers(), content.api.clock.now())
}

async fn version(State(content): Shared) -> Response {
    content.version.untagged()
}

async fn metrics(State(content): Shared, request: Request) -> Result<Response, Status> {
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let (exposition, accept) = (Arc::clone(&content.api.exposition), accept.map(str::to_owned));
    let written = move || exposition.answer(accept.as_deref());
    let answer = if content.moments().glance().view.pod_count() > INLINE_PODS {
        tokio::task::spawn_blocking(written).await
    } else {
        Ok(written())
    };
    let (content_type, text) =
        answer.map_err(|error| Status::internal("the metrics cannot be written", Some(error.to_string())))?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))], text).into_response())
}

fn health(probe: Probe, content: &Content, uri: &Uri) -> Response {
    let checks = probe.checks(&content.api.readiness, &content.api.heartbeat);
    probe.answer(&checks, &probe.notices(&content.api.readiness), uri.query().unwrap_or_default())
}

fn health_check(probe: Probe, content: &Content, uri: &Uri) -> Result<Response, Status> {
    let checks = probe.checks(&content.api.readiness, &content.api.heartbeat);
    health::answer_one(&checks, uri.path().rsplit('/').next().unwrap_or_default())
}

async fn own_healthz(State(content): Shared) -> Result<Response, Status> {
    health::answer_own_group(&content.api.readiness)
}

#[cfg(test)]
mod described;
#[cfg(test)]
mod discovered;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod observed;
#[cfg(test)]
mod schema;
#[cfg(test)]
pub(crate) mod server;
#[cfg(test)]
mod statuses;
#[cfg(test)]
mod tests;
