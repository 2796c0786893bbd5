//! How many requests are answered at once.

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::apiserver::RequestInfo;
use crate::apiserver::authn::User;
use crate::apiserver::metrics::Metrics;
use crate::apiserver::status::Status;

/// Watches at once: as many as one connection of the aggregator has streams. A watch costs little
/// while nothing changes, but every change is written to each of them.
const MAX_WATCHES: usize = 1000;

/// Lets so many requests for resources in, and refuses more: a queue would only make all late.
/// Watches last for minutes and are counted apart; they would take every place from the rest.
#[derive(Debug)]
pub(super) struct InFlightLimits {
    requests: Places,
    watches: Places,
}

#[derive(Debug)]
struct Places {
    free: Arc<Semaphore>,
    taken: Gauge,
    shed: Counter,
}

/// A request's place and its time: an extension of the request. Whoever goes on working on the
/// answer after the head was sent keeps a clone.
#[derive(Clone, Debug)]
pub(crate) struct InFlight {
    /// When the work has to be done; of a watch, when the head of its answer has to be there.
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
    taken: Gauge,
    _permit: OwnedSemaphorePermit,
}

/// There is no place.
#[derive(Debug)]
pub(super) struct Full {
    deadline: Instant,
    shed: Counter,
}

impl InFlightLimits {
    pub(super) fn new(requests: usize, metrics: &Metrics) -> Self {
        let requests = Places::new(requests, metrics.in_flight.clone(), metrics.shed("requests"));
        let watches = Places::new(MAX_WATCHES, metrics.watches.clone(), metrics.shed("watches"));
        Self { requests, watches }
    }

    /// A place for `request`. Health and discovery need none: they have to be answered under any
    /// load, and cost next to nothing.
    pub(super) fn admit(&self, request: &RequestInfo, deadline: Instant) -> Result<InFlight, Full> {
        let is_limited = request.resource.as_ref().is_some_and(|resource| resource.resource != "healthz");
        if !is_limited {
            return Ok(InFlight::unlimited(deadline));
        }
        let places = if request.is_watch() { &self.watches } else { &self.requests };
        places.take(deadline)
    }
}

impl Places {
    fn new(number: usize, taken: Gauge, shed: Counter) -> Self {
        Self { free: Arc::new(Semaphore::new(number.min(Semaphore::MAX_PERMITS))), taken, shed }
    }

    fn take(&self, deadline: Instant) -> Result<InFlight, Full> {
        let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() else {
            return Err(Full { deadline, shed: self.shed.clone() });
        };
        self.taken.inc();
        Ok(InFlight { deadline, _place: Some(Arc::new(Place { taken: self.taken.clone(), _permit: permit })) })
    }
}

impl Full {
    /// The control plane always passes; it must be able to look at a server that others overload.
    pub(super) fn unless_master(self, user: &User) -> Result<InFlight, Status> {
        if user.is_master() { Ok(InFlight::unlimited(self.deadline)) } else { Err(self.refusal()) }
    }

    pub(super) fn refusal(self) -> Status {
        self.shed.inc();
        Status::too_many_requests()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.dec();
    }
}
