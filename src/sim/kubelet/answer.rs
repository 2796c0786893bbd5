//! A request to a kubelet and its answer.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use jiff::fmt::rfc2822::DateTimePrinter;

use super::resource::{Counters, Quirks};
use super::{broken, resource, summary};
use crate::clock::{Clock, UnixMillis};
use crate::promtext::kubelet::Form;
use crate::sim::certificates::Trust;
use crate::sim::{Fault, Faults, SimNode, World};

/// A body that may break off.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
const PROTOBUF: HeaderValue = HeaderValue::from_static(
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
);
/// Over a bad network, one answer of so many never comes.
const BREAKS_EVERY: u64 = 4;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What the kubelets of all nodes share.
pub(super) struct Kubelets {
    world: Arc<World>,
    faults: Arc<Faults>,
    clock: Clock,
    tokens: Vec<String>,
    started: HeaderValue,
    requests: Vec<AtomicU64>,
    /// Those of them that asked for readings.
    readings: Vec<AtomicU64>,
}

/// Tokens stay out of logs.
impl fmt::Debug for Kubelets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kubelets").finish_non_exhaustive()
    }
}

impl Kubelets {
    pub(super) fn new(world: Arc<World>, faults: Arc<Faults>, clock: Clock, tokens: Vec<String>) -> Self {
        let counters = || (0..world.scenario().nodes).map(|_| AtomicU64::new(0)).collect();
        let (requests, readings) = (counters(), counters());
        let started = HeaderValue::from(clock.now().0 / 1000);
        Self { world, faults, clock, tokens, started, requests, readings }
    }

    pub(super) fn world(&self) -> &World {
        &self.world
    }

    pub(super) fn now(&self) -> UnixMillis {
        self.clock.now()
    }

    /// How many kubelets there are.
    pub(super) const fn count(&self) -> usize {
        self.requests.len()
    }

    pub(super) fn fault(&self, node: u32) -> Option<Fault> {
        self.faults.of(node)
    }

    pub(super) fn requests(&self, node: u32) -> u64 {
        of_node(&self.requests, node).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// Answers one request; an error cuts the connection.
    pub(super) async fn answer<B>(
        &self,
        node: &SimNode,
        shown: Trust,
        request: Request<B>,
    ) -> io::Result<Response<Body>> {
        if let Some(counter) = of_node(&self.requests, node.index) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let fault = self.fault(node.index);
        // These are faults of a connection: one that is older than the fault has to go.
        if fault == Some(Fault::Reset) || Trust::of(fault) != shown || !self.is_reached(node) {
            return Err(io::Error::from(io::ErrorKind::ConnectionReset));
        }
        if !self.accepts(&request) {
            return Ok(status(StatusCode::UNAUTHORIZED));
        }
        let turn = if request.uri().path() == "/metrics/resource" { self.next_turn(node.index) } else { 0 };
        let is_odd = turn % 2 == 1;
        match fault {
            Some(Fault::BadNetwork) if turn % BREAKS_EVERY == 1 => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
            Some(Fault::Flap) if is_odd => Ok(status(StatusCode::SERVICE_UNAVAILABLE)),
            Some(fault) => broken::answer(fault, || self.healthy(node, &request, quirks(fault, is_odd))).await,
            None => Ok(self.healthy(node, &request, Quirks::default())),
        }
    }

    /// Whether the kubelet of a node listens at the address that was dialled, and is no other by now.
    pub(super) fn is_reached(&self, node: &SimNode) -> bool {
        let has_moved = self.fault(node.index) == Some(Fault::Moved);
        let there = self.world.node_at(node.address, self.now());
        has_moved == node.is_at_second_address() && there.is_some_and(|there| there.uid() == node.uid())
    }

    /// How many times the node was asked for readings, this time included.
    fn next_turn(&self, node: u32) -> u64 {
        of_node(&self.readings, node).map_or(0, |counter| counter.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn healthy<B>(&self, node: &SimNode, request: &Request<B>, quirks: Quirks) -> Response<Body> {
        let at = self.clock.now();
        let next = (node.index + 1) % u32::try_from(self.count()).unwrap_or(u32::MAX);
        let fault = self.fault(node.index);
        let other = self.world.node(next).filter(|_| fault == Some(Fault::SwappedName));
        let node = other.as_ref().unwrap_or(node);
        let others = Some(next).filter(|_| fault == Some(Fault::OthersPods));
        let others = others.into_iter().flat_map(|node| self.world.pods_of_node(node, at));
        let pods = self.world.pods_of_node(node.index, at).chain(others);
        let clock = UnixMillis(at.0.saturating_add(quirks.ahead_ms));
        match request.uri().path() {
            "/metrics/resource" => {
                let (form, kind) = form(request);
                self.ok(clock, kind, resource::write(form, node, pods, at, quirks))
            }
            "/stats/summary" if quirks.error_only => status(StatusCode::INTERNAL_SERVER_ERROR),
            "/stats/summary" => match summary::write(node, pods, at, quirks) {
                Ok(body) => self.ok(clock, JSON, body),
                Err(_) => status(StatusCode::INTERNAL_SERVER_ERROR),
            },
            _ => status(StatusCode::NOT_FOUND),
        }
    }

    fn accepts<B>(&self, request: &Request<B>) -> bool {
        let header = request.headers().get(AUTHORIZATION).and_then(|header| header.to_str().ok());
        let token = header.and_then(|header| header.strip_prefix("Bearer "));
        token.is_some_and(|token| self.tokens.iter().any(|known| known == token))
    }

    fn ok(&self, clock: UnixMillis, kind: HeaderValue, body: Vec<u8>) -> Response<Body> {
        let mut response = Response::new(whole(body));
        // Else the server would tell the time of this machine, which is not the simulation's.
        response.headers_mut().extend(date(clock).map(|date| (DATE, date)));
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response.headers_mut().insert("process-start-time-unix", self.started.clone());
        response
    }
}

/// Protobuf for whoever names it first, and text for everybody else.
fn form<B>(request: &Request<B>) -> (Form, HeaderValue) {
    let accept = request.headers().get(ACCEPT).map(HeaderValue::as_bytes).unwrap_or_default();
    match Form::of(accept) {
        Form::Text => (Form::Text, TEXT),
        Form::Delimited => (Form::Delimited, PROTOBUF),
    }
}

/// A clock as HTTP tells it.
fn date(clock: UnixMillis) -> Option<HeaderValue> {
    let time = jiff::Timestamp::from_millisecond(clock.0).ok()?;
    HeaderValue::from_str(&DateTimePrinter::new().timestamp_to_rfc9110_string(&time).ok()?).ok()
}

/// One node's counter.
fn of_node(counters: &[AtomicU64], node: u32) -> Option<&AtomicU64> {
    counters.get(usize::try_from(node).ok()?)
}

/// What a fault changes in an otherwise good answer.
fn quirks(fault: Fault, is_odd: bool) -> Quirks {
    match fault {
        Fault::ClockBehind(behind) => Quirks { ahead_ms: -millis(behind), ..Quirks::default() },
        Fault::NotANumber => Quirks { counters: Counters::NotANumber, ..Quirks::default() },
        Fault::CounterJumps if is_odd => Quirks { counters: Counters::Halved, ..Quirks::default() },
        Fault::ClockOff(ahead) => Quirks { ahead_ms: millis(ahead), ..Quirks::default() },
        Fault::DuplicateSeries => Quirks { twice: true, ..Quirks::default() },
        Fault::ScrapeErrorOnly => Quirks { error_only: true, ..Quirks::default() },
        _ => Quirks::default(),
    }
}

fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

/// An answer that is its status alone.
pub(super) fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(whole(status.canonical_reason().unwrap_or_default()));
    *response.status_mut() = status;
    response
}

/// A body that is there at once.
pub(super) fn whole(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).map_err(|never| match never {}).boxed_unsync()
}
