//! `/metrics/usage`: the usage of all nodes, pods and containers, for those who scrape.
//!
//! Admitted as `/metrics` is. Made from one moment and streamed, since it is as long as the cluster
//! is large.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::BytesMut;
use http::header;

use crate::apiserver::content::Content;
use crate::apiserver::filters::InFlight;
use crate::apiserver::resources::{Stream, Turns};
use crate::apiserver::status::Status;
use crate::export::{Format, Page, PageFilter};

use crate::telemetry::registry::{CLASSIC, OPEN_METRICS, prefers_open_metrics};

/// The page, as far as the query wants it.
pub(crate) async fn usage_page(State(content): State<Arc<Content>>, request: Request) -> Result<Response, Status> {
    let query = form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
    let filter = PageFilter::read(query).map_err(|error| Status::bad_request(error.to_string()))?;
    let in_flight = request.extensions().get::<InFlight>().cloned();
    let in_flight = in_flight.ok_or_else(|| Status::internal("the request came past the filters", None))?;
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let (content_type, format) = if prefers_open_metrics(accept.unwrap_or_default()) {
        (OPEN_METRICS, Format::OpenMetrics)
    } else {
        (CLASSIC, Format::Classic)
    };
    let moment = content.moments().glance();
    let (world, max_sample_age) =
        ((Arc::clone(&moment.view), Arc::clone(&moment.snapshot)), moment.ages.max_sample_age);
    let page = Page::new(world, moment.now, max_sample_age, filter, format);
    Ok(Stream::begin(Written { page, text: BytesMut::new() }, false).await.answer(content_type, in_flight))
}

struct Written {
    page: Page,
    text: BytesMut,
}

impl Turns for Written {
    fn turn(&mut self) -> bool {
        self.page.turn(&mut self.text)
    }

    fn written(&mut self) -> &mut BytesMut {
        &mut self.text
    }
}

#[cfg(test)]
mod tests;
