//! How many requests are answered at once.

use std::net::IpAddr;
use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::apiserver::RequestInfo;
use crate::apiserver::authn::User;
use crate::apiserver::metrics::Metrics;
use crate::apiserver::peers::{PeerPlace, Peers};
use crate::apiserver::status::Status;

/// Watches at once: as many as one connection of the aggregator has streams. A watch costs little
/// while nothing changes, but every change is written to each of them.
const MAX_WATCHES: usize = 1000;
/// Pages of metrics at once: a handful of scrapers.
const MAX_PAGES: usize = 20;

/// Lets so many requests in, and refuses more: a queue would only make all late. Watches last for minutes
/// and are counted apart; they would take every place from the rest.
#[derive(Debug)]
pub(super) struct InFlightLimits {
    requests: Places,
    watches: Places,
    pages: Places,
}

#[derive(Debug)]
struct Places {
    free: Arc<Semaphore>,
    /// Who is slow to read what he asked for cannot shut out the rest.
    peers: Peers,
    taken: Gauge,
    shed: Counter,
}

/// A request's place and its time: an extension of the request. Whoever goes on working on the
/// answer after the head was sent keeps a clone, as does the answer until it is taken.
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
    _of_peer: Option<PeerPlace>,
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
        let pages = Places::new(MAX_PAGES, Gauge::default(), metrics.shed("pages"));
        Self { requests, watches, pages }
    }

    /// A place for `request` of the address `peer`, if it does not come by the front proxy. Health and
    /// discovery need none: they have to be answered under any load, and cost next to nothing.
    pub(super) fn admit(
        &self,
        request: &RequestInfo,
        peer: Option<IpAddr>,
        deadline: Instant,
    ) -> Result<InFlight, Full> {
        let places = match &request.resource {
            Some(resource) if resource.resource == "healthz" => None,
            // Many who watch may be behind one address, and each is told the same bytes.
            Some(_) if request.is_watch() => Some((&self.watches, None)),
            Some(_) => Some((&self.requests, peer)),
            None => Some((&self.pages, None)).filter(|_| request.is_metrics_page()),
        };
        places.map_or(Ok(InFlight::unlimited(deadline)), |(places, peer)| places.take(peer, deadline))
    }
}

impl Places {
    fn new(number: usize, taken: Gauge, shed: Counter) -> Self {
        let number = number.min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(number)), peers: Peers::sharing(number), taken, shed }
    }

    fn take(&self, peer: Option<IpAddr>, deadline: Instant) -> Result<InFlight, Full> {
        let place = || {
            let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
            let of_peer = match peer {
                Some(peer) => Some(self.peers.admit(peer, &Gauge::default())?),
                None => None,
            };
            self.taken.inc();
            Some(Place { taken: self.taken.clone(), _permit: permit, _of_peer: of_peer })
        };
        match place() {
            Some(place) => Ok(InFlight { deadline, _place: Some(Arc::new(place)) }),
            None => Err(Full { deadline, shed: self.shed.clone() }),
        }
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
