//! The way to an engine: HTTP, with the credentials and the TLS that the operator has set.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt as _;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Identity, Response};
use tokio::io::AsyncReadExt as _;

use crate::config::{Authorize, ExportProtocol, ExportTarget, HeaderSource, OtlpProtocol, TargetTls};
use crate::export::Error;
use crate::export::wire::{Answer, Failed, Message, Transport};

/// What takes metrics, by the name it has in gRPC.
const GRPC_PATH: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
/// As much of an answer as is read; the rest is nobody's concern.
const MAX_ANSWER_BYTES: usize = 4 << 10;
/// As much of a file with a secret as is read.
const MAX_SECRET_BYTES: usize = 64 << 10;
/// Batches come every few seconds; a connection that nobody closed in this time is worth keeping.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// One engine's address, and how it is asked.
#[derive(Debug)]
pub(super) struct Http {
    client: Client,
    url: String,
    authorize: Option<Authorize>,
    headers: Vec<(HeaderName, HeaderSource)>,
}

#[derive(Debug, thiserror::Error)]
enum SecretError {
    #[error("a file with a secret cannot be read")]
    Read(#[from] std::io::Error),
    #[error("a file with a secret holds what cannot be sent in a header")]
    Header(#[from] http::header::InvalidHeaderValue),
    #[error("a file with a secret is larger than {MAX_SECRET_BYTES} bytes")]
    TooLarge,
}

impl Http {
    /// Reads the files that TLS needs.
    pub(super) fn new(target: &ExportTarget) -> Result<Self, Error> {
        let builder = Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            // Nothing is followed and no proxy asked: what leaves here may hold credentials.
            .no_proxy()
            .redirect(Policy::none())
            // Within the time of the request, so that what was never sent is told from what was.
            .connect_timeout(target.timeout / 2)
            .timeout(target.timeout)
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(IDLE_TIMEOUT);
        let builder = secured(builder, &target.tls, target.url.starts_with("http:"))?;
        let (builder, url) = match target.protocol {
            ExportProtocol::Otlp(OtlpProtocol::Grpc) => {
                (builder.http2_prior_knowledge(), format!("{}{GRPC_PATH}", target.url))
            }
            _ => (builder, target.url.clone()),
        };
        let headers = target.headers.iter().map(|(name, source)| {
            let name = HeaderName::try_from(name).map_err(|_| Error::Header { name: name.clone() })?;
            Ok((name, source.clone()))
        });
        Ok(Self {
            client: builder.build().map_err(Error::Client)?,
            url,
            authorize: target.authorize.clone(),
            headers: headers.collect::<Result<_, Error>>()?,
        })
    }

    async fn own_headers(&self) -> Result<HeaderMap, SecretError> {
        let mut headers = HeaderMap::new();
        for (name, source) in &self.headers {
            let value = match source {
                HeaderSource::Value(text) => text.clone(),
                HeaderSource::File(path) => secret(path).await?,
            };
            headers.insert(name.clone(), sensitive(&value)?);
        }
        let credentials = match &self.authorize {
            None => return Ok(headers),
            Some(Authorize::BearerTokenFile(path)) => format!("Bearer {}", secret(path).await?),
            Some(Authorize::Basic { username, password_file }) => {
                format!("Basic {}", STANDARD.encode(format!("{username}:{}", secret(password_file).await?)))
            }
        };
        headers.insert(AUTHORIZATION, sensitive(&credentials)?);
        Ok(headers)
    }

    async fn send(&self, message: &Message) -> Result<Answer, Failed> {
        let headers = self.own_headers().await.map_err(|error| Failed::NotSent(error.into()))?;
        let request = self.client.post(&self.url).headers(headers).body(message.body.clone());
        let request = message.headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response = request.send().await.map_err(|error| {
            let was_sent = !error.is_connect() && !error.is_builder();
            let error = Box::new(error.without_url());
            if was_sent { Failed::Unanswered(error) } else { Failed::NotSent(error) }
        })?;
        let (status, mut headers) = (response.status(), response.headers().clone());
        let body = first_bytes(response, &mut headers).await;
        Ok(Answer { status, headers, body })
    }
}

impl Transport for Http {
    fn post<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Answer, Failed>> {
        self.send(message).boxed()
    }
}

fn secured(builder: reqwest::ClientBuilder, tls: &TargetTls, is_plain: bool) -> Result<reqwest::ClientBuilder, Error> {
    let builder = match &tls.authority {
        // Else the system's authorities would be loaded, of which an empty image has none.
        None if is_plain => builder.tls_certs_only([]),
        None => builder,
        Some(path) => {
            let authorities = Certificate::from_pem_bundle(&read(path)?);
            let authorities = authorities.ok().filter(|found| !found.is_empty());
            builder.tls_certs_only(authorities.ok_or_else(|| pem(path, "certificate"))?)
        }
    };
    let Some((chain, key)) = &tls.identity else { return Ok(builder) };
    let both = [read(chain)?, read(key)?].join(&b'\n');
    Ok(builder.identity(Identity::from_pem(&both).map_err(|_| pem(chain, "certificate and key"))?))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

fn pem(path: &Path, wanted: &'static str) -> Error {
    Error::Pem { path: path.to_owned(), wanted }
}

/// What the file holds now: secrets are renewed in place.
async fn secret(path: &Path) -> Result<String, SecretError> {
    let mut text = String::new();
    let limit = MAX_SECRET_BYTES as u64 + 1;
    let length = tokio::fs::File::open(path).await?.take(limit).read_to_string(&mut text).await?;
    if length > MAX_SECRET_BYTES { Err(SecretError::TooLarge) } else { Ok(text.trim().to_owned()) }
}

fn sensitive(text: &str) -> Result<HeaderValue, SecretError> {
    let mut value = HeaderValue::from_str(text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Trailers are headers that come late. What is cut off is short: the status was told, and whoever
/// needs more misses it.
async fn first_bytes(response: Response, headers: &mut HeaderMap) -> Bytes {
    let mut rest = http::Response::from(response).into_body();
    let mut body = BytesMut::new();
    while body.len() < MAX_ANSWER_BYTES
        && let Some(Ok(frame)) = rest.frame().await
    {
        match frame.into_data() {
            Ok(data) => body.extend_from_slice(data.get(..MAX_ANSWER_BYTES - body.len()).unwrap_or(&data)),
            Err(frame) => headers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    body.freeze()
}

#[cfg(test)]
mod tests;
