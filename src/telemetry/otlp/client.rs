//! One collector, and one attempt to give it a message.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, TE, USER_AGENT};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use reqwest::{Certificate, Identity, redirect};

use super::error::PostError;
use super::grpc;
use crate::config::{Otlp, OtlpProtocol};
use crate::telemetry::{Error, causes};

/// An answer says how many items were refused and why; more is not from a collector.
const ANSWER_BYTES: usize = 64 << 10;

const OUR_NAME: HeaderValue = HeaderValue::from_static(concat!("kube-vitals/", env!("CARGO_PKG_VERSION")));
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// What takes the messages of one signal, by the name it has in gRPC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Service(&'static str);

impl Service {
    /// Takes `ExportTraceServiceRequest`s.
    pub(crate) const TRACES: Self = Self("/opentelemetry.proto.collector.trace.v1.TraceService/Export");
}

/// The way to one service of a collector. Its connections belong to the runtime it is used in.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    headers: HeaderMap,
    settings: Otlp,
}

impl Client {
    /// Reads the files that `settings` name; dials nobody.
    ///
    /// # Errors
    /// When a file cannot be read or is not what it should be.
    pub(crate) fn new(settings: &Otlp, service: Service) -> Result<Self, Error> {
        let (url, headers) = match settings.protocol {
            OtlpProtocol::Http => (settings.endpoint.clone(), http_headers(settings.gzip)),
            OtlpProtocol::Grpc => (format!("{}{}", settings.endpoint, service.0), grpc_headers(settings.gzip)),
        };
        let mut all = settings.headers.clone();
        all.extend(headers);
        Ok(Self { http: http_client(settings)?, url, headers: all, settings: settings.clone() })
    }

    /// Tries once to have an encoded `message` taken, in the time that the settings give; the
    /// answer's message, which may tell of items that were not taken.
    pub(crate) async fn post(&self, message: &[u8]) -> Result<Bytes, PostError> {
        let attempt = async {
            match self.settings.protocol {
                OtlpProtocol::Http => self.over_http(message).await,
                OtlpProtocol::Grpc => self.over_grpc(message).await,
            }
        };
        let limit = self.settings.timeout;
        let late = |_| Err(PostError::passing(format!("no answer within {limit:?}")));
        tokio::time::timeout(limit, attempt).await.unwrap_or_else(late)
    }

    async fn over_http(&self, message: &[u8]) -> Result<Bytes, PostError> {
        let body = if self.settings.gzip { compressed(message)? } else { message.to_vec() };
        let (head, answer, _trailers) = self.exchange(body.into()).await?;
        match head.status {
            status if status.is_success() => Ok(answer),
            status @ (StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT) => {
                Err(PostError::passing_after(format!("answered {status}"), retry_after(&head.headers)))
            }
            status => Err(PostError::Refused(format!("answered {status}"))),
        }
    }

    async fn over_grpc(&self, message: &[u8]) -> Result<Bytes, PostError> {
        let frame =
            if self.settings.gzip { grpc::frame(&compressed(message)?, true) } else { grpc::frame(message, false) };
        let (head, answer, trailers) = self.exchange(frame).await?;
        grpc::judge(head.status, &head.headers, trailers.as_ref())?;
        Ok(grpc::message_of(answer))
    }

    async fn exchange(&self, body: Bytes) -> Result<(http::response::Parts, Bytes, Option<HeaderMap>), PostError> {
        let request = self.http.post(&self.url).headers(self.headers.clone()).body(body);
        let answer = request.send().await.map_err(|error| PostError::passing(causes(&error.without_url())))?;
        let (head, body) = http::Response::from(answer).into_parts();
        let body = Limited::new(body, ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| PostError::passing(causes(error.as_ref())))?;
        let trailers = body.trailers().cloned();
        Ok((head, body.to_bytes(), trailers))
    }
}

/// When the collector wants to see us again, if it says so in seconds.
pub(in crate::telemetry) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    seconds.map(Duration::from_secs)
}

fn http_headers(gzip: bool) -> HeaderMap {
    let mut headers = HeaderMap::from_iter([(USER_AGENT, OUR_NAME), (CONTENT_TYPE, PROTOBUF)]);
    if gzip {
        headers.insert(CONTENT_ENCODING, GZIP);
    }
    headers
}

fn grpc_headers(gzip: bool) -> HeaderMap {
    let mut headers = HeaderMap::from_iter([(USER_AGENT, OUR_NAME), (CONTENT_TYPE, GRPC), (TE, TRAILERS)]);
    if gzip {
        headers.insert(GRPC_ENCODING, GZIP);
    }
    headers
}

/// Nothing is followed and no proxy asked: what leaves here may hold credentials.
fn http_client(settings: &Otlp) -> Result<reqwest::Client, Error> {
    let mut builder = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none());
    if settings.protocol == OtlpProtocol::Grpc {
        builder = builder.http2_prior_knowledge();
    }
    if let Some(path) = &settings.authority_file {
        let certificates = Certificate::from_pem_bundle(&read(path)?).map_err(Error::Collector)?;
        if certificates.is_empty() {
            return Err(Error::NoCertificate(path.clone()));
        }
        builder = builder.tls_certs_only(certificates);
    } else if settings.endpoint.starts_with("http:") {
        // The system's authorities would be loaded also where none are needed, and there may be
        // none, as in an empty image.
        builder = builder.tls_certs_only([]);
    }
    if let Some((certificate, key)) = &settings.client_certificate {
        let mut pem = BytesMut::from(read(certificate)?.as_slice());
        pem.extend_from_slice(b"\n");
        pem.extend_from_slice(&read(key)?);
        builder = builder.identity(Identity::from_pem(&pem).map_err(Error::Collector)?);
    }
    builder.build().map_err(Error::Collector)
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

fn compressed(message: &[u8]) -> Result<Vec<u8>, PostError> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(message).and_then(|()| encoder.finish());
    written.map_err(|error| PostError::Refused(error.to_string()))
}

#[cfg(test)]
mod tests;
