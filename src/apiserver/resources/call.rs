//! One request for a resource, as its handler sees it.

use axum::extract::Request;
use http::HeaderMap;

use crate::apiserver::content::Content;
use crate::apiserver::filters::InFlight;
use crate::apiserver::groups::{ApiVersion, ResourceType};
use crate::apiserver::negotiate::{Accepted, include_object};
use crate::apiserver::resources::encoder::Encoder;
use crate::apiserver::status::Status;
use crate::apiserver::{RequestInfo, ResourceRequest};

/// What is asked for.
pub(crate) struct Call<'a> {
    pub(super) content: &'a Content,
    pub(crate) group: &'a ApiVersion,
    pub(super) resource: &'a ResourceRequest,
    pub(super) verb: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) query: &'a str,
    pub(super) in_flight: InFlight,
}

impl<'a> Call<'a> {
    /// Reads `request`, which the router took for one about `served`.
    pub(super) fn of(content: &'a Content, request: &'a Request, served: &ResourceType) -> Result<Self, Status> {
        let info = request.extensions().get::<RequestInfo>().ok_or_else(Status::path_not_found)?;
        let resource = info.resource.as_ref().ok_or_else(Status::path_not_found)?;
        let group = content.groups.find(&resource.group, &resource.version).ok_or_else(Status::path_not_found)?;
        // The router sees the raw path and access rules the decoded one. Where an encoded slash
        // makes them differ, what was allowed is not what would be answered.
        if resource.resource != served.plural || !resource.subresource.is_empty() {
            return Err(Status::path_not_found());
        }
        let in_flight = request.extensions().get::<InFlight>().cloned();
        let in_flight = in_flight.ok_or_else(|| Status::internal("the request came past the filters", None))?;
        let (headers, query) = (request.headers(), request.uri().query().unwrap_or_default());
        Ok(Self { content, group, resource, verb: &info.verb, headers, query, in_flight })
    }

    /// What writes the answer.
    pub(super) fn encoder(&self, accepted: Accepted) -> Result<Encoder, Status> {
        let include = include_object(self.query)?;
        Ok(Encoder { group_version: self.group.group_version(), dialect: self.group.dialect, accepted, include })
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
