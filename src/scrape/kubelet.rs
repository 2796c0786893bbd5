//! One request to one kubelet, bounded in time and bytes, ending in a body or a typed failure.

use std::error::Error as _;
use std::time::Duration;

use http::StatusCode;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, HeaderMap, HeaderValue};

use crate::config::Scraping;
use crate::scrape::token::Token;
use crate::scrape::{Error, KubeletAccess, tls};
use crate::usage::Failure;

/// A body's first guess at its size: a kubelet of thirty pods.
const USUAL_BODY_BYTES: usize = 48 << 10;
/// No more than this is set aside on a kubelet's mere word.
const LARGEST_RESERVE_BYTES: usize = 1 << 20;

/// What a kubelet can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// Cumulative readings of the node and all containers, as text.
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
}

/// The way to all kubelets: connections, credentials, limits.
pub(super) struct Kubelets {
    http: reqwest::Client,
    token: Token,
    timeout: Duration,
    body_limit_bytes: u64,
}

impl Kubelets {
    /// Reads certificates and token.
    pub(super) fn build(settings: &Scraping, access: KubeletAccess) -> Result<Self, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config(&settings.tls, &access)?)
            .http1_only()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .default_headers(headers)
            .user_agent(concat!("kube-vitals/", env!("CARGO_PKG_VERSION")))
            // An address that swallows packets leaves time for the next one.
            .connect_timeout(settings.request_timeout / 2)
            // A task asks for one thing at a time, and comes back within a resolution or two.
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(settings.resolution * 2 + settings.request_timeout)
            .build()?;
        let token = Token::open(access.token)?;
        Ok(Self { http, token, timeout: settings.request_timeout, body_limit_bytes: settings.body_limit_bytes })
    }

    /// Asks the addresses in turn, from `asked` on and around, until one can be connected to; all
    /// within one time limit. `asked` is the last one asked.
    pub(super) async fn ask(&self, addresses: &[String], asked: &mut usize, page: Page) -> Result<Vec<u8>, Failure> {
        let first = *asked;
        let in_turn = async {
            let mut refused = Failure::Connect("no address".to_owned());
            for step in 0..addresses.len() {
                *asked = (first + step) % addresses.len();
                let Some(address) = addresses.get(*asked) else { continue };
                match self.fetch(address, page).await {
                    Err(failure @ Failure::Connect(_)) => refused = failure,
                    answer => return answer,
                }
            }
            Err(refused)
        };
        tokio::time::timeout(self.timeout, in_turn).await.unwrap_or(Err(Failure::Timeout(self.timeout)))
    }

    async fn fetch(&self, address: &str, page: Page) -> Result<Vec<u8>, Failure> {
        let mut request = self.http.get(format!("https://{address}{}", page.path()));
        if let Some(token) = self.token.header().await {
            request = request.header(AUTHORIZATION, token);
        }
        let response = request.send().await.map_err(|error| before_answer(&error))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Err(Failure::Unauthorized),
            StatusCode::FORBIDDEN => return Err(Failure::Forbidden),
            other => return Err(Failure::Status(other.as_u16())),
        }
        if let Some(coding) = response.headers().get(CONTENT_ENCODING).filter(|coding| *coding != "identity") {
            return Err(Failure::Encoding(String::from_utf8_lossy(coding.as_bytes()).into_owned()));
        }
        self.body(response).await
    }

    async fn body(&self, mut response: reqwest::Response) -> Result<Vec<u8>, Failure> {
        let too_large = Failure::BodyTooLarge(self.body_limit_bytes);
        let told = response.content_length();
        if told.is_some_and(|told| told > self.body_limit_bytes) {
            return Err(too_large);
        }
        let told = told.map_or(USUAL_BODY_BYTES, |told| usize::try_from(told).unwrap_or(usize::MAX));
        let mut body = Vec::with_capacity(told.min(LARGEST_RESERVE_BYTES));
        while let Some(chunk) = response.chunk().await.map_err(|error| Failure::Truncated(root_cause(&error)))? {
            if (body.len() + chunk.len()) as u64 > self.body_limit_bytes {
                return Err(too_large);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// Only a refused certificate is called so; whatever else stands in the way of a connection leads
/// to the next address.
fn before_answer(error: &reqwest::Error) -> Failure {
    if let Some(refusal) = refused_certificate(error) {
        return Failure::Tls(refusal);
    }
    if error.is_connect() || error.is_builder() {
        return Failure::Connect(root_cause(error));
    }
    Failure::Truncated(root_cause(error))
}

fn refused_certificate(error: &reqwest::Error) -> Option<String> {
    causes(error).find_map(|cause| match cause.downcast_ref() {
        Some(rustls::Error::InvalidCertificate(reason)) => Some(reason.to_string()),
        _ => None,
    })
}

/// The innermost cause: the one sentence that tells something.
fn root_cause(error: &reqwest::Error) -> String {
    causes(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

/// From the outermost to the innermost. An I/O error passes over what it wraps when asked for its
/// source, so it is asked for what it wraps.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let cause = next?;
        next = match cause.downcast_ref::<std::io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static)),
            None => cause.source(),
        };
        Some(cause)
    })
}

#[cfg(test)]
mod tests;
