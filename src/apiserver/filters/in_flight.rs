//! How many requests are answered at once.

use std::sync::Arc;

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::apiserver::RequestInfo;
use crate::apiserver::metrics::Metrics;
use crate::apiserver::status::Status;

/// Lets so many requests for resources in, and refuses more: a queue would only make all late.
#[derive(Debug)]
pub(super) struct InFlightLimit {
    places: Arc<Semaphore>,
    metrics: Metrics,
}

/// A request's place and its time: an extension of the request. Whoever goes on working on the
/// answer after the head was sent keeps a clone.
#[derive(Clone, Debug)]
pub(crate) struct InFlight {
    /// When the work has to be done.
    pub(crate) deadline: Instant,
    _place: Option<Arc<Place>>,
}

impl InFlight {
    /// A request that takes no place.
    pub(crate) const fn unlimited(deadline: Instant) -> Self {
        Self { deadline, _place: None }
    }
}

#[derive(Debug)]
struct Place {
    gauge: Gauge,
    _permit: OwnedSemaphorePermit,
}

impl InFlightLimit {
    pub(super) fn new(places: usize, metrics: Metrics) -> Self {
        Self { places: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))), metrics }
    }

    /// A place for `request`. Health and discovery need none: they have to be answered under any
    /// load, and cost next to nothing.
    pub(super) fn admit(&self, request: &RequestInfo, deadline: Instant) -> Result<InFlight, Status> {
        let is_limited = request.resource.as_ref().is_some_and(|resource| resource.resource != "healthz");
        if !is_limited {
            return Ok(InFlight::unlimited(deadline));
        }
        let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() else {
            self.metrics.shed.inc();
            return Err(Status::too_many_requests());
        };
        let gauge = self.metrics.in_flight.clone();
        gauge.inc();
        Ok(InFlight { deadline, _place: Some(Arc::new(Place { gauge, _permit: permit })) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}
