//! The life of one node: asked when its agenda says so, until the task is aborted.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::{Duration, Instant};
use tracing::{Instrument, Span, field};

use crate::cluster::Node;
use crate::config::{KubeletServerName, Scraping};
use crate::scrape::address::{addresses, wanted_kinds};
use crate::scrape::intake::{Answer, Intake};
use crate::scrape::kubelet::{Body, Kubelets, Line, Page};
use crate::scrape::metrics::{Metrics, NodeState};
use crate::scrape::node_clock::{NodeClock, Shown};
use crate::scrape::plan::{Agenda, Rhythm};
use crate::store::Merged;
use crate::telemetry::exemplar::Trace;
use crate::telemetry::traces;
use crate::usage::{Failure, NodeName, Outcome, Scrape};

/// Larger bodies take more than a millisecond to read: not on a thread that serves requests.
const INLINE_BODY_BYTES: usize = 1 << 20;
/// A kubelet that refuses its summary will hardly change its mind, but rights can be granted.
const REFUSED_SUMMARY_PAUSE: Duration = Duration::from_hours(1);

/// What all node tasks share.
pub(super) struct Shared {
    pub(super) settings: Scraping,
    pub(super) kubelets: Kubelets,
    pub(super) intake: Intake,
    pub(super) permits: Semaphore,
    pub(super) metrics: Metrics,
}

/// One node's task.
pub(super) struct NodeTask {
    shared: Arc<Shared>,
    name: NodeName,
    agenda: Agenda,
    poke: Arc<Notify>,
    state: NodeState,
    /// Reason of the last failure; `None` after a success and before the first scrape.
    failing: Option<&'static str>,
    dial: Dial,
    clock: NodeClock,
    no_summary_before: Option<Instant>,
}

/// Where to call: worked out once for each change of the node.
#[derive(Default)]
struct Dial {
    node: Option<Arc<Node>>,
    line: Line,
}

impl NodeTask {
    /// A task that first asks at `first` and looks at its agenda again when poked.
    pub(super) fn new(shared: Arc<Shared>, rhythm: Rhythm, name: NodeName, first: Instant, poke: Arc<Notify>) -> Self {
        let state = shared.metrics.node();
        let agenda = Agenda::new(rhythm, name.as_str(), first);
        let (dial, clock) = (Dial::default(), NodeClock::default());
        Self { shared, name, agenda, poke, state, failing: None, dial, clock, no_summary_before: None }
    }

    /// Runs until aborted; drops `first_try` when the node has been asked once.
    pub(super) async fn run(mut self, first_try: Option<mpsc::Sender<Infallible>>) {
        tokio::time::sleep_until(self.agenda.due()).await;
        // On the heap while it lasts: a task that waits for its time need not hold room for it.
        Box::pin(self.contact()).await;
        drop(first_try);
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(self.agenda.due()) => Box::pin(self.contact()).await,
                () = self.poke.notified() => self.agenda.container_started(Instant::now()),
            }
        }
    }

    /// One scrape, and the kubelet's own rates if runs wait for one.
    async fn contact(&mut self) {
        let (shared, due) = (Arc::clone(&self.shared), self.agenda.due());
        // Never closed: the semaphore lives as long as the tasks.
        let Ok(_permit) = shared.permits.acquire().await else { return };
        let now = Instant::now();
        shared.metrics.delay_seconds.observe(now.duration_since(due).as_secs_f64());
        self.agenda.begin(now);
        let _in_flight = InFlight::enter(&shared.metrics);
        let span = traces::scrape(|| {
            tracing::info_span!(
                target: "kube_vitals::scrape", parent: None, "scrape",
                otel.status_code = field::Empty, error.type = field::Empty,
                k8s.node.name = %self.name, kube_vitals.scrape.outcome = field::Empty,
            )
        });
        async {
            let Some(merged) = self.scrape().await else { return };
            if self.agenda.succeeded(Instant::now(), merged.new_runs > 0, merged.awaiting_rate) {
                self.ask_for_rates().await;
            }
            if merged.in_first_second {
                self.agenda.first_second_seen(Instant::now());
            }
        }
        .instrument(span)
        .await;
    }

    /// `None` if it failed.
    async fn scrape(&mut self) -> Option<Merged> {
        let shared = Arc::clone(&self.shared);
        let known = self.dial.turn_to(shared.intake.cluster.view().node(self.name.as_str()), &shared.settings);
        if !known {
            self.agenda.failed(Instant::now());
            return None;
        }
        let begun = Instant::now();
        let started = shared.intake.clock.now();
        let answer = self.ask(Page::Resource).await;
        self.look_at_clock(begun, &answer);
        let address = self.dial.line.asked().into();
        let scrape = Scrape {
            started,
            duration: begun.elapsed(),
            body_bytes: 0,
            address,
            rejected: crate::usage::Rejected::default(),
            outcome: Ok(()),
        };
        let (scrape, merged) = match answer {
            Ok(body) if self.clock.was_set() && body.len() <= INLINE_BODY_BYTES => {
                self.take_with_rates(body, scrape).await
            }
            Ok(body) => take(&shared.intake, &self.name, (body, self.clock.was_set()), scrape).await,
            Err(failure) => (shared.intake.fail(&self.name, scrape, failure), Merged::default()),
        };
        self.settle(&scrape, merged);
        match scrape.outcome {
            Ok(()) => self.clock.stored(Instant::now()),
            Err(_) => self.agenda.failed(Instant::now()),
        }
        scrape.outcome.is_ok().then_some(merged)
    }

    fn look_at_clock(&mut self, asked: Instant, answer: &Result<Body, Failure>) {
        let Some(date) = answer.as_ref().ok().and_then(|body| body.date) else { return };
        let was_set = self.clock.was_set();
        let Some(by_ms) = self.clock.look(Shown { date, asked, answered: Instant::now() }) else { return };
        self.shared.metrics.clocks_set.inc();
        // One that is set again and again is told of once.
        if !was_set {
            tracing::info!(parent: None, node = %self.name, by_ms, "clock was set, its rates begin anew");
        }
    }

    async fn ask(&mut self, page: Page) -> Result<Body, Failure> {
        if self.dial.line.addresses.is_empty() {
            return Err(Failure::NoAddress(wanted_kinds(&self.shared.settings)));
        }
        self.shared.kubelets.ask(&mut self.dial.line, page).await
    }

    /// Readings that make no rate, and the rates beside them: asked for first, so that none of the
    /// node's pods is without CPU meanwhile. An early second scrape would make no rate either. Not with a
    /// long body, which takes one of the few places for such while it is held.
    async fn take_with_rates(&mut self, body: Body, scrape: Scrape) -> (Scrape, Merged) {
        let rates = self.rates().await;
        let intake = &self.shared.intake;
        let (scrape, merged) = take(intake, &self.name, (body, true), scrape).await;
        if let Some(rates) = rates.filter(|_| scrape.outcome.is_ok()) {
            intake.take_rates(&self.name, &rates);
        }
        (scrape, Merged { awaiting_rate: false, ..merged })
    }

    /// The kubelet's own rates make usage of runs that have but one sample.
    async fn ask_for_rates(&mut self) {
        let rates = self.rates().await;
        let is_refused = rates.is_none();
        if !rates.is_some_and(|rates| self.shared.intake.take_rates(&self.name, &rates)) {
            self.agenda.rates_missing(Instant::now(), is_refused);
        }
    }

    async fn rates(&mut self) -> Option<Body> {
        if self.no_summary_before.is_some_and(|until| Instant::now() < until) {
            return None;
        }
        let answer = self.ask(Page::Summary).await;
        self.shared.metrics.count_summary(&answer.as_ref().map(|_| ()).map_err(Clone::clone));
        match answer {
            Ok(body) => {
                self.no_summary_before = None;
                Some(body)
            }
            Err(failure) => {
                if matches!(failure, Failure::Forbidden | Failure::Status(404)) {
                    self.no_summary_before = Some(Instant::now() + REFUSED_SUMMARY_PAUSE);
                }
                tracing::debug!(node = %self.name, %failure, "no rates from the kubelet");
                None
            }
        }
    }

    /// Counts and, when the kind of outcome changes, tells it.
    fn settle(&mut self, scrape: &Scrape, merged: Merged) {
        let metrics = &self.shared.metrics;
        metrics.count_scrape(&scrape.outcome);
        metrics.duration_seconds.observe(scrape.duration.as_secs_f64(), Trace::of(&Span::current()), None);
        metrics.body_bytes.inc_by(scrape.body_bytes);
        metrics.rejected_lines.inc_by(scrape.rejected.count.into());
        metrics.old_samples.inc_by(merged.too_old.into());
        metrics.skipped_containers.inc_by(merged.skipped.into());
        self.state.set(&scrape.outcome);
        self.tell(&scrape.outcome, &scrape.address);
    }

    fn tell(&mut self, outcome: &Outcome, address: &str) {
        let reason = outcome.as_ref().err().map(Failure::reason);
        let span = Span::current();
        span.record("kube_vitals.scrape.outcome", reason.unwrap_or("Success"));
        if let Some(reason) = reason {
            span.record("otel.status_code", "ERROR");
            span.record("error.type", reason);
        }
        if reason == self.failing {
            return;
        }
        self.failing = reason;
        match outcome {
            Ok(()) => tracing::info!(parent: None, node = %self.name, address, "scraped again"),
            Err(failure) => {
                let reason = failure.reason();
                tracing::warn!(parent: None, node = %self.name, address, reason, %failure, "cannot scrape");
            }
        }
    }
}

/// Reads a body where it does no harm.
async fn take(
    intake: &Intake,
    node: &NodeName,
    (body, clock_was_set): (Body, bool),
    scrape: Scrape,
) -> (Scrape, Merged) {
    if body.len() <= INLINE_BODY_BYTES {
        return intake.take(node, Answer { form: body.form, bytes: &body, clock_was_set }, scrape);
    }
    let (intake, node) = (intake.clone(), node.clone());
    let take = move || intake.take(&node, Answer { form: body.form, bytes: &body, clock_was_set }, scrape);
    match tokio::task::spawn_blocking(take).await {
        Ok(taken) => taken,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime is shutting down, and this task with it.
        Err(_) => std::future::pending().await,
    }
}

impl Dial {
    /// Follows the node's addresses; false if there is no such node any more.
    fn turn_to(&mut self, node: Option<&Arc<Node>>, settings: &Scraping) -> bool {
        let Some(node) = node else { return false };
        if !self.node.as_ref().is_some_and(|known| Arc::ptr_eq(known, node)) {
            let by_node = settings.tls.server_name == KubeletServerName::Node;
            let mut line = Line::to(addresses(node, settings));
            line.server_name = by_node.then(|| node.name.clone());
            *self = Self { line, node: Some(Arc::clone(node)) };
        }
        true
    }
}

/// Counted as under way until dropped, however the scrape ends.
struct InFlight<'a>(&'a Metrics);

impl<'a> InFlight<'a> {
    fn enter(metrics: &'a Metrics) -> Self {
        metrics.in_flight.inc();
        Self(metrics)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.dec();
    }
}
