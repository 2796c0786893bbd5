//! One request to one kubelet, bounded in time and bytes, ending in a body or a typed failure.

mod body;

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, HOST, HeaderValue, USER_AGENT};
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use tracing::{Instrument as _, Span, field};

use crate::config::Scraping;
use crate::promtext;
use crate::scrape::connection::{Connection, Exchange};
use crate::scrape::live_tls::{Current, LiveTls};
use crate::scrape::session::Session;
use crate::scrape::token::Token;
use crate::scrape::{Error, KubeletAccess};
use crate::telemetry::traces;
use crate::usage::{Failure, NodeName};

pub(super) use self::body::Body;
use self::body::Reader;

/// The sentence beside a refusal is read to here, which keeps the connection.
const REFUSAL_BYTES: u64 = 4 << 10;

const OUR_NAME: HeaderValue = HeaderValue::from_static(concat!("kube-vitals/", env!("CARGO_PKG_VERSION")));
const NO_CODING: HeaderValue = HeaderValue::from_static("identity");

/// What a kubelet can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// Cumulative readings of the node and all containers, as protobuf or text.
    Resource,
    /// The kubelet's own current rates, as JSON.
    Summary,
}

impl Page {
    const fn path(self) -> &'static str {
        match self {
            Self::Resource => "/metrics/resource",
            Self::Summary => "/stats/summary?only_cpu_and_memory=true",
        }
    }

    const fn forms(self) -> HeaderValue {
        match self {
            Self::Resource => HeaderValue::from_static(promtext::kubelet::ACCEPT),
            Self::Summary => HeaderValue::from_static("application/json"),
        }
    }
}

/// The way to all kubelets: credentials and limits.
pub(super) struct Kubelets {
    pub(super) tls: Arc<LiveTls>,
    token: Token,
    timeout: Duration,
    bodies: Reader,
}

/// The way to one kubelet.
#[derive(Default)]
pub(super) struct Line {
    /// `host:port`, in the order they are tried.
    pub(super) addresses: Vec<String>,
    /// The one asked last, which is asked first the next time.
    asked: usize,
    /// Whose certificate is wanted; `None` = that of the address.
    pub(super) server_name: Option<NodeName>,
    connection: Option<Connection>,
    session: Arc<Session>,
    /// The TLS settings that both were made with.
    generation: u64,
}

impl Line {
    /// A line that is not connected yet.
    pub(super) fn to(addresses: Vec<String>) -> Self {
        Self { addresses, ..Self::default() }
    }

    /// What was agreed on under other settings is over: whom we believed then, or who we were, is
    /// nobody's concern now.
    fn turn_to(&mut self, tls: &Current) {
        if self.generation != tls.generation {
            self.generation = tls.generation;
            self.connection = None;
            self.session = Arc::default();
        }
    }

    /// The address asked last; empty if there is none.
    pub(super) fn asked(&self) -> &str {
        self.addresses.get(self.asked).map_or("", String::as_str)
    }
}

impl Kubelets {
    /// Reads certificates and token.
    pub(super) fn build(settings: &Scraping, access: KubeletAccess) -> Result<Self, Error> {
        let tls = Arc::new(LiveTls::open(&settings.tls, &access)?);
        let token = Token::open(access.token)?;
        let bodies = Reader::new(settings.body_limit_bytes);
        Ok(Self { tls, token, timeout: settings.request_timeout, bodies })
    }

    /// Asks the addresses in turn, from the last one asked on and around, until one can be
    /// connected to; all within one time limit. A failure closes the connection.
    pub(super) async fn ask(&self, line: &mut Line, page: Page) -> Result<Body, Failure> {
        let first = line.asked;
        let in_turn = async {
            let mut refused = Failure::Connect("there is no address".to_owned());
            for step in 0..line.addresses.len() {
                line.asked = (first + step) % line.addresses.len();
                match self.fetch(line, page).await {
                    Err(failure @ Failure::Connect(_)) => refused = failure,
                    answer => return answer,
                }
            }
            Err(refused)
        };
        tokio::time::timeout(self.timeout, in_turn).await.unwrap_or(Err(Failure::Timeout(self.timeout)))
    }

    /// Asks one address, under a span of its own.
    async fn fetch(&self, line: &mut Line, page: Page) -> Result<Body, Failure> {
        let span = client_span(line.asked(), page);
        let answer = self.exchange(line, page).instrument(span.clone()).await;
        match &answer {
            Ok(body) => {
                span.record("kube_vitals.scrape.bytes", body.len());
            }
            Err(failure) => {
                span.record("otel.status_code", "ERROR");
                span.record("error.type", failure.reason());
            }
        }
        answer
    }

    /// The connection is back on the line only after an answer that was read to its end.
    async fn exchange(&self, line: &mut Line, page: Page) -> Result<Body, Failure> {
        let tls = self.tls.current();
        line.turn_to(&tls);
        let kept = line.connection.take().filter(|kept| kept.leads_to(line.asked()));
        let request = self.request(line.asked(), page).await?;
        let on_kept = match kept {
            // The kubelet may have closed a kept connection at any time: that is no failure.
            Some(kept) => send(kept, request.clone()).await.ok(),
            None => None,
        };
        let (mut exchange, answer) = match on_kept {
            Some(answered) => answered,
            None => self.send_anew(line, &tls, request).await?,
        };
        Span::current().record("http.response.status_code", answer.status().as_u16());
        let refusal = refusal(&answer);
        let limit_bytes = refusal.as_ref().map(|_| REFUSAL_BYTES);
        let body = exchange.drive(self.bodies.read(answer, limit_bytes)).await;
        if body.is_ok() {
            line.connection = exchange.end().await;
        }
        refusal.map_or(body, Err)
    }

    async fn send_anew(
        &self,
        line: &Line,
        tls: &Current,
        request: Request<Empty<Bytes>>,
    ) -> Result<(Exchange, Response<Incoming>), Failure> {
        // An address that swallows packets leaves time for the next one.
        let limit = self.timeout / 2;
        let (tls, name) = (line.session.resumed(&tls.config), line.server_name.as_ref().map(NodeName::as_str));
        let connection = tokio::time::timeout(limit, Connection::open(line.asked(), name, tls))
            .await
            .unwrap_or_else(|_| Err(Failure::Connect(format!("no handshake within {limit:?}"))))?;
        send(connection, request).await.map_err(|error| cut_off(&error))
    }

    async fn request(&self, address: &str, page: Page) -> Result<Request<Empty<Bytes>>, Failure> {
        let mut request = Request::get(page.path())
            .header(HOST, address)
            .header(USER_AGENT, OUR_NAME)
            .header(ACCEPT, page.forms())
            .header(ACCEPT_ENCODING, NO_CODING);
        if let Some(token) = self.token.header().await {
            request = request.header(AUTHORIZATION, token);
        }
        let mut request = request.body(Empty::new()).map_err(|error| Failure::Connect(error.to_string()))?;
        traces::inject(&Span::current(), request.headers_mut());
        Ok(request)
    }
}

/// An attempt at one address. Its name is the page's path alone, whatever is asked for there.
fn client_span(address: &str, page: Page) -> Span {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    let path = page.path();
    let route = path.split('?').next().unwrap_or(path);
    tracing::info_span!(
        "request to kubelet",
        otel.name = %format_args!("GET {route}"),
        otel.kind = "client",
        otel.status_code = field::Empty,
        http.request.method = "GET",
        url.full = %format_args!("https://{address}{path}"),
        server.address = host.trim_start_matches('[').trim_end_matches(']'),
        server.port = port.parse::<u16>().ok(),
        http.response.status_code = field::Empty,
        error.type = field::Empty,
        kube_vitals.scrape.bytes = field::Empty,
    )
}

async fn send(connection: Connection, request: Request<Empty<Bytes>>) -> hyper::Result<(Exchange, Response<Incoming>)> {
    let mut exchange = connection.begin().await?;
    let answer = exchange.send(request).await?;
    Ok((exchange, answer))
}

/// Why an answer's body is not wanted.
fn refusal<B>(answer: &Response<B>) -> Option<Failure> {
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED => return Some(Failure::Unauthorized),
        StatusCode::FORBIDDEN => return Some(Failure::Forbidden),
        other => return Some(Failure::Status(other.as_u16())),
    }
    let coding = answer.headers().get(CONTENT_ENCODING).filter(|coding| *coding != NO_CODING)?;
    Some(Failure::Encoding(String::from_utf8_lossy(coding.as_bytes()).into_owned()))
}

/// The innermost cause is the one that tells something; an early end is told in our own words,
/// since the TLS library's are for programmers.
fn cut_off(error: &hyper::Error) -> Failure {
    let Some(cause) = error.source() else { return Failure::Truncated(error.to_string()) };
    let io = cause.downcast_ref::<io::Error>();
    let early = io.is_some_and(|cause| cause.kind() == io::ErrorKind::UnexpectedEof);
    Failure::Truncated(if early { "the connection was closed early".to_owned() } else { cause.to_string() })
}

#[cfg(test)]
mod tests;
