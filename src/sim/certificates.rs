//! Serving certificates of the simulated kubelets: one authority, one key, a certificate per node.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use dashmap::DashMap;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};

use super::faults::Fault;

/// Makes certificates when a node is first dialled and keeps them. There are at most three per node,
/// so nothing needs to be thrown away.
pub(super) struct Certificates {
    authority: CertifiedIssuer<'static, KeyPair>,
    /// As well known as the first.
    second: CertifiedIssuer<'static, KeyPair>,
    /// Nobody trusts this one.
    foreign: CertifiedIssuer<'static, KeyPair>,
    /// One key for all nodes: making thousands of keys would take longer than the test.
    key: KeyPair,
    signing_key: Arc<dyn SigningKey>,
    provider: Arc<CryptoProvider>,
    made: DashMap<(Ipv4Addr, Trust), Arc<ServerConfig>>,
}

/// Whose certificate a kubelet shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Trust {
    /// One of the authority that clients know.
    Known,
    /// One of the second authority that clients know.
    Second,
    /// One of an authority that nobody knows.
    Foreign,
}

impl Trust {
    /// What a kubelet with this fault shows.
    pub(super) fn of(fault: Option<Fault>) -> Self {
        match fault {
            Some(Fault::WrongCertificate) => Self::Foreign,
            Some(Fault::OtherAuthority) => Self::Second,
            _ => Self::Known,
        }
    }
}

/// Keys stay out of logs.
impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").finish_non_exhaustive()
    }
}

impl Certificates {
    /// Makes both authorities and the key.
    pub(super) fn new() -> io::Result<Self> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let private = PrivateKeyDer::try_from(key.serialize_der()).map_err(io::Error::other)?;
        Ok(Self {
            authority: authority("simulated kubelets")?,
            second: authority("simulated kubelets, second")?,
            foreign: authority("nobody's kubelets")?,
            signing_key: provider.key_provider.load_private_key(private).map_err(io::Error::other)?,
            key,
            provider,
            made: DashMap::new(),
        })
    }

    /// The authorities of all good certificates, PEM.
    pub(super) fn authority_pem(&self) -> String {
        self.authority.pem() + &self.second.pem()
    }

    /// TLS for the kubelet at an address.
    pub(super) fn server_config(&self, address: Ipv4Addr, trust: Trust) -> io::Result<Arc<ServerConfig>> {
        if let Some(made) = self.made.get(&(address, trust)) {
            return Ok(Arc::clone(&made));
        }
        let config = Arc::new(self.make(address, trust)?);
        self.made.insert((address, trust), Arc::clone(&config));
        Ok(config)
    }

    fn make(&self, address: Ipv4Addr, trust: Trust) -> io::Result<ServerConfig> {
        let issuer = match trust {
            Trust::Known => &self.authority,
            Trust::Second => &self.second,
            Trust::Foreign => &self.foreign,
        };
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("system:node:{address}"));
        params.subject_alt_names = vec![SanType::IpAddress(IpAddr::V4(address))];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&self.key, issuer).map_err(io::Error::other)?;
        let certified = CertifiedKey::new(vec![certificate.der().clone()], Arc::clone(&self.signing_key));
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        // As a kubelet does it: one ticket, good for this process. Each certificate has keys of its own,
        // since a session that goes on shows none, and a node's certificate may turn wrong.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = Ticketer::new().map_err(io::Error::other)?;
        config.send_tls13_tickets = 1;
        Ok(config)
    }
}

fn authority(name: &str) -> io::Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate().map_err(io::Error::other)?;
    CertifiedIssuer::self_signed(params, key).map_err(io::Error::other)
}
