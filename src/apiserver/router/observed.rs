//! What is told of requests: spans and access lines.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, LazyLock};

use http::Request;
use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use super::server::{Server, read};
use crate::apiserver::resources::world::{World, node, reading};

type Fields = BTreeMap<String, String>;

/// Collects the fields of spans, by name and parent, and of events.
#[derive(Clone, Default)]
struct Collected {
    spans: Arc<Mutex<BTreeMap<u64, Fields>>>,
    events: Arc<Mutex<Vec<Fields>>>,
}

struct Filled<'a>(&'a mut Fields);

impl Visit for Filled<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Collected {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::from([("name".to_owned(), attributes.metadata().name().to_owned())]);
        if let Some(parent) = context.current_span().metadata() {
            fields.insert("parent".to_owned(), parent.name().to_owned());
        }
        attributes.record(&mut Filled(&mut fields));
        self.spans.lock().insert(id.into_u64(), fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _context: Context<'_, S>) {
        values.record(&mut Filled(self.spans.lock().get_mut(&id.into_u64()).unwrap()));
    }

    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::from([("level".to_owned(), event.metadata().level().to_string())]);
        event.record(&mut Filled(&mut fields));
        self.events.lock().push(fields);
    }
}

impl Collected {
    /// The fields of the only span of this name.
    fn span(&self, name: &str) -> Fields {
        let spans = self.spans.lock();
        let mut named = spans.values().filter(|fields| fields["name"] == name);
        let span = named.next().unwrap().clone();
        assert!(named.next().is_none());
        span
    }

    /// The only access line.
    fn line(&self) -> Fields {
        let events = self.events.lock();
        let lines: Vec<_> = events.iter().filter(|fields| fields["message"] == "request").collect();
        assert_eq!(lines.len(), 1, "{events:?}");
        lines[0].clone()
    }
}

/// While there is one subscriber alone, a span that is first begun by a test without any is taken
/// for one that nobody wants, for good. So there are always two.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::default()));

/// What is told of one GET by `user`.
async fn observe(user: &str, path: &str) -> Collected {
    observe_request(Request::get(path).header("x-user", user)).await
}

async fn observe_request(request: http::request::Builder) -> Collected {
    let collected = Collected::default();
    let filter = tracing_subscriber::filter::filter_fn(|metadata| *metadata.level() <= Level::DEBUG);
    let subscriber = tracing_subscriber::registry().with(collected.clone().with_filter(filter));
    LazyLock::force(&SECOND);
    let _guard = tracing::subscriber::set_default(subscriber);
    let world = World::with(vec![node("n")], vec![]);
    for time in [10.0, 25.0] {
        world.scrape("n", time, Some(reading(time, 1_000, 64)), &[]);
    }
    let request = request.header("user-agent", "kubectl/1").header("audit-id", "a-1");
    read(Server::over(&world).send(request).await).await;
    collected
}

fn assert_has(fields: &Fields, expected: &[(&str, &str)]) {
    for (key, value) in expected {
        assert_eq!(fields.get(*key).map(String::as_str), Some(*value), "{key} of {fields:?}");
    }
}

#[tokio::test]
async fn a_request_is_a_server_span_named_after_its_route() {
    let told = observe("ann", "/apis/metrics.k8s.io/v1beta1/nodes/n?labelSelector=secret").await;
    let span = told.span("request");
    assert_has(
        &span,
        &[
            ("otel.name", "GET /apis/metrics.k8s.io/v1beta1/nodes/{name}"),
            ("otel.kind", "server"),
            ("http.request.method", "GET"),
            ("http.route", "/apis/metrics.k8s.io/v1beta1/nodes/{name}"),
            ("http.response.status_code", "200"),
            ("url.path", "/apis/metrics.k8s.io/v1beta1/nodes/n"),
            ("network.protocol.version", "1.1"),
            ("user_agent.original", "kubectl/1"),
            ("audit-id", "a-1"),
        ],
    );
    assert!(!span.contains_key("otel.status_code") && !format!("{span:?}").contains("secret"), "{span:?}");
    let snapshot = told.span("snapshot");
    assert_has(&snapshot, &[("parent", "request")]);
    assert!(snapshot["kube_vitals.resource_version"].parse::<u64>().unwrap() > 0, "{snapshot:?}");
    assert_has(&told.span("encode"), &[("parent", "request")]);
}

#[tokio::test]
async fn a_list_is_taken_and_encoded_in_its_request() {
    let told = observe("ann", "/apis/metrics.k8s.io/v1beta1/nodes").await;
    assert_has(&told.span("snapshot"), &[("parent", "request")]);
    assert_has(&told.span("encode"), &[("parent", "request")]);
}

#[tokio::test]
async fn clients_cannot_make_up_names_of_spans() {
    let told = observe("ann", "/made/up/by/them").await.span("request");
    assert_has(&told, &[("otel.name", "GET"), ("url.path", "/made/up/by/them")]);
    assert!(!told.contains_key("http.route"), "{told:?}");
    let odd = Request::builder().method("BREW").uri("/apis").header("x-user", "ann");
    assert_has(
        &observe_request(odd).await.span("request"),
        &[("otel.name", "HTTP /apis"), ("http.request.method", "_OTHER")],
    );
}

#[tokio::test]
async fn only_faults_of_ours_mark_a_span_as_failed() {
    assert!(!observe("mallory", "/apis").await.span("request").contains_key("otel.status_code"));
    let failed = observe("unsure", "/apis").await.span("request");
    assert_has(&failed, &[("otel.status_code", "ERROR"), ("error.type", "500")]);
}

#[tokio::test]
async fn an_access_line_says_who_asked_what_and_what_came_of_it() {
    let line = observe("ann", "/apis/metrics.k8s.io/v1beta1/nodes?labelSelector=zone").await.line();
    assert_has(
        &line,
        &[
            ("level", "INFO"),
            ("method", "GET"),
            ("path", "/apis/metrics.k8s.io/v1beta1/nodes"),
            ("code", "200"),
            ("user", "ann"),
            ("client", "127.0.0.1:40000"),
            ("user_agent", "kubectl/1"),
            ("audit_id", "a-1"),
            ("complete", "true"),
        ],
    );
    assert!(line["bytes"].parse::<u64>().unwrap() > 100, "{line:?}");
}

#[tokio::test]
async fn the_access_line_tells_what_the_caller_is_not_told() {
    let line = observe("broken", "/apis").await.line();
    assert_has(&line, &[("level", "WARN"), ("code", "500"), ("error", "the token could not be reviewed: no route")]);
    assert_has(&observe("nobody", "/apis").await.line(), &[("code", "401"), ("user", "")]);
}

#[tokio::test]
async fn routine_is_told_only_to_those_who_ask_for_it() {
    for path in ["/livez", "/readyz?verbose", "/metrics"] {
        assert_has(&observe("ann", path).await.line(), &[("level", "DEBUG"), ("code", "200")]);
    }
}
