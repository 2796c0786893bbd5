//! One request for a resource, as its handler sees it.

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::header;

use crate::apiserver::content::Content;
use crate::apiserver::filters::InFlight;
use crate::apiserver::groups::{ApiVersion, ResourceType};
use crate::apiserver::list_options::{ListOptions, is_pretty};
use crate::apiserver::negotiate::{JSON, accepts_json};
use crate::apiserver::resources::join::Moment;
use crate::apiserver::resources::json::{Json, indent};
use crate::apiserver::resources::list::{List, Rows};
use crate::apiserver::status::Status;
use crate::apiserver::{RequestInfo, ResourceRequest};

/// Most objects fit; a longer one costs a second allocation.
const OBJECT_CAPACITY_BYTES: usize = 1 << 10;

/// What is asked for, and of what the answer is made.
pub(super) struct Call<'a> {
    pub(super) content: &'a Content,
    pub(super) group: &'a ApiVersion,
    pub(super) resource: &'a ResourceRequest,
    pub(super) moment: Moment,
    query: &'a str,
    in_flight: InFlight,
}

impl<'a> Call<'a> {
    /// Reads `request`, which the router took for `verb` on `served`.
    pub(super) fn of(
        content: &'a Content,
        request: &'a Request,
        verb: &str,
        served: &ResourceType,
    ) -> Result<Self, Status> {
        accepts_json(request.headers())?;
        let info = request.extensions().get::<RequestInfo>().ok_or_else(Status::path_not_found)?;
        let resource = info.resource.as_ref().ok_or_else(Status::path_not_found)?;
        let group = content.groups.find(&resource.group, &resource.version).ok_or_else(Status::path_not_found)?;
        // The router sees the raw path and access rules the decoded one. Where an encoded slash
        // makes them differ, what was allowed is not what would be answered.
        if resource.resource != served.plural || !resource.subresource.is_empty() {
            return Err(Status::path_not_found());
        }
        match info.verb.as_str() {
            allowed if allowed == verb => {}
            "watch" => return Err(Status::verb_not_supported("watch", &group.name, &resource.resource)),
            _ => return Err(Status::path_not_found()),
        }
        let in_flight = request.extensions().get::<InFlight>().cloned();
        let in_flight = in_flight.ok_or_else(|| Status::internal("the request came past the filters", None))?;
        let query = request.uri().query().unwrap_or_default();
        Ok(Self { content, group, resource, moment: content.moment(), query, in_flight })
    }

    /// The options of a list.
    pub(super) fn options(&self) -> Result<ListOptions, Status> {
        ListOptions::parse(self.query)
    }

    /// A list of `rows`.
    pub(super) async fn list(self, rows: impl Rows) -> Response {
        List::new(rows).answer(is_pretty(self.query), self.in_flight).await
    }

    /// One object, whose members `fill` writes.
    pub(super) fn object(&self, fill: impl FnOnce(&mut Json)) -> Response {
        let mut json = Json::with_capacity(OBJECT_CAPACITY_BYTES);
        json.object(fill);
        json.end_line();
        let compact = json.take();
        let body = if is_pretty(self.query) { indent(&compact).into() } else { compact };
        ([(header::CONTENT_TYPE, JSON)], body).into_response()
    }

    /// There is no `name` of the plural `resource` in the cluster. Before everything was listed
    /// once nobody can know that, and controllers act on a 404.
    pub(super) fn not_found(&self, resource: &str, name: &str) -> Status {
        if self.content.is_warm() {
            Status::not_found(&self.group.name, resource, name)
        } else {
            Status::unavailable("the server is still getting to know the cluster").retry_after(1)
        }
    }
}
