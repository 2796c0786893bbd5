//! Authorities, certificates and clients for the tests of the door.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

use super::{ConnectionId, Peer, tls};
use crate::clock::UnixMillis;

/// 2026-06-15: inside the validity of all fixtures.
pub(super) const NOW: UnixMillis = UnixMillis(1_781_481_600_000);

/// A certificate authority.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    pub(super) fn named(name: &str) -> Self {
        Self::named_with(name, |_| ())
    }

    /// One with changes.
    pub(super) fn named_with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = authority_params(name);
        change(&mut params);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// An authority below this one.
    pub(super) fn intermediate(&self, name: &str) -> Self {
        self.intermediate_with(name, |_| ())
    }

    /// An authority below this one with changes.
    pub(super) fn intermediate_with(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = authority_params(name);
        change(&mut params);
        Self(CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &self.0).unwrap())
    }

    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(super) fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    pub(super) fn key_pem(&self) -> String {
        self.0.key().serialize_pem()
    }

    /// A client certificate.
    pub(super) fn client(&self, name: &str, organizations: &[&str]) -> Pair {
        self.client_with(name, organizations, |_| ())
    }

    /// A client certificate with changes.
    pub(super) fn client_with(
        &self,
        name: &str,
        organizations: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Pair {
        let mut params = leaf_params(name, vec![], ExtendedKeyUsagePurpose::ClientAuth);
        for &organization in organizations {
            params.distinguished_name.push(DnType::OrganizationName, organization);
        }
        change(&mut params);
        self.sign(&params)
    }

    /// A serving certificate for `host`.
    pub(super) fn server(&self, host: &str) -> Pair {
        self.server_with(host, |_| ())
    }

    /// A serving certificate with changes.
    pub(super) fn server_with(&self, host: &str, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let mut params = leaf_params(host, vec![host.to_owned()], ExtendedKeyUsagePurpose::ServerAuth);
        change(&mut params);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// A client that trusts this authority and offers `pair`, if any.
    pub(super) fn client_config(&self, pair: Option<&Pair>, alpn: &[&[u8]]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(tls::provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match pair {
            Some(pair) => builder.with_client_auth_cert(pair.chain(), pair.private_key()).unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        config
    }
}

impl Pair {
    pub(super) fn chain(&self) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(self.certificate.as_bytes()).collect::<Result<_, _>>().unwrap()
    }

    pub(super) fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2096, 1, 1));
    params
}

fn leaf_params(name: &str, hosts: Vec<String>, usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = CertificateParams::new(hosts).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    if !name.is_empty() {
        params.distinguished_name.push(DnType::CommonName, name);
    }
    params.extended_key_usages = vec![usage];
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2096, 1, 1));
    params
}

/// An API server that answers every request alike and remembers what it was asked.
#[derive(Clone)]
pub(super) struct ApiServer {
    answer: Arc<Answer>,
    requests: Arc<Mutex<Vec<ApiRequest>>>,
}

/// Code and body for a request, or no answer at all.
type Answer = dyn Fn(&ApiRequest) -> Option<(u16, Value)> + Send + Sync;

/// One request it got.
#[derive(Clone, Debug)]
pub(super) struct ApiRequest {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) body: Value,
}

impl ApiServer {
    /// Always answers the same.
    pub(super) fn answering(code: u16, body: Value) -> Self {
        Self::with(move |_| Some((code, body.clone())))
    }

    /// Never answers.
    pub(super) fn hanging() -> Self {
        Self::with(|_| None)
    }

    /// Answers as `answer` says; `None` is no answer at all.
    pub(super) fn with(answer: impl Fn(&ApiRequest) -> Option<(u16, Value)> + Send + Sync + 'static) -> Self {
        Self { answer: Arc::new(answer), requests: Arc::default() }
    }

    pub(super) fn requests(&self) -> Vec<ApiRequest> {
        self.requests.lock().clone()
    }

    pub(super) fn client(&self) -> kube::Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: http::Request<kube::client::Body>| api.clone().respond(request));
        kube::Client::new(service, "default")
    }

    async fn respond(
        self,
        request: http::Request<kube::client::Body>,
    ) -> Result<http::Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        let request = ApiRequest {
            method: head.method,
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            body,
        };
        self.requests.lock().push(request.clone());
        let Some((code, answer)) = (self.answer)(&request) else { return std::future::pending().await };
        let answer = Full::new(Bytes::from(answer.to_string()));
        Ok(http::Response::builder().status(code).header("content-type", "application/json").body(answer).unwrap())
    }
}

/// A peer that offered `chain` on connection `id`.
pub(super) fn peer(id: u64, chain: &[CertificateDer<'static>]) -> Peer {
    Peer { address: ([127, 0, 0, 1], 40_000).into(), certificates: chain.to_vec().into(), id: ConnectionId(id) }
}
