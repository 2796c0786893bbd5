//! The TLS side of a connection to a kubelet: whom we believe, and who we say we are.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::chain;
use crate::config::{KubeletTls, KubeletTrust};
use crate::scrape::access::Material;
use crate::scrape::anyone::Anyone;
use crate::scrape::{Error, KubeletAccess};
use crate::telemetry::expiry;

/// Kubelets with a client authority speak HTTP/1.1 alone, and one request at a time needs no more.
const PROTOCOL: &[u8] = b"http/1.1";

/// What is written in all the files that are named, and in the kubeconfig. It holds keys, so it cannot
/// be printed.
#[derive(PartialEq, Eq)]
pub(super) struct Contents {
    /// `None` = anybody is believed.
    authorities: Option<Vec<CertificateDer<'static>>>,
    identity: Option<Identity>,
}

/// A client certificate and its key.
#[derive(PartialEq, Eq)]
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    /// PEM, and where it is.
    key: Vec<u8>,
    key_place: String,
}

impl Contents {
    /// Reads all files. Blocks.
    pub(super) fn read(tls: &KubeletTls, access: &KubeletAccess) -> Result<Self, Error> {
        let authorities = match &tls.trust {
            KubeletTrust::Anyone => None,
            KubeletTrust::File(path) => Some(certificates_in(path)?),
            KubeletTrust::Cluster => Some(cluster_authority(access)?),
        };
        Ok(Self { authorities, identity: identity(tls, access)? })
    }

    pub(super) fn client_config(&self) -> Result<ClientConfig, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions()?;
        let builder = match &self.authorities {
            None => builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider))),
            Some(authorities) => {
                let verifier = chain::server_verifier(roots(authorities)?, provider);
                let verifier = verifier.map_err(|error| rustls::Error::General(error.to_string()))?;
                builder.dangerous().with_custom_certificate_verifier(verifier)
            }
        };
        let mut config = match &self.identity {
            Some(identity) => builder.with_client_auth_cert(identity.chain.clone(), identity.private_key()?)?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(config)
    }

    /// When the last authority ends, in seconds since 1970.
    pub(super) fn authorities_ending(&self) -> Option<i64> {
        self.authorities.iter().flatten().filter_map(|one| expiry::ending(one)).max()
    }

    /// When the certificate ends that we show, in seconds since 1970.
    pub(super) fn identity_ending(&self) -> Option<i64> {
        expiry::ending(self.identity.as_ref()?.chain.first()?)
    }
}

impl Identity {
    fn private_key(&self) -> Result<PrivateKeyDer<'static>, Error> {
        let wrong = |_| Error::Pem { place: self.key_place.clone(), wanted: "private key" };
        PrivateKeyDer::from_pem_slice(&self.key).map_err(wrong)
    }
}

fn roots(certificates: &[CertificateDer<'static>]) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate.clone())?;
    }
    Ok(roots)
}

fn cluster_authority(access: &KubeletAccess) -> Result<Vec<CertificateDer<'static>>, Error> {
    if let Some(path) = &access.authority_file {
        return certificates_in(path);
    }
    if access.authority.is_empty() {
        return Err(Error::NoAuthority);
    }
    Ok(access.authority.iter().cloned().map(CertificateDer::from).collect())
}

/// The flags' pair, else the one of the connection to the API server.
fn identity(tls: &KubeletTls, access: &KubeletAccess) -> Result<Option<Identity>, Error> {
    let flags = tls.client_certificate.clone().map(|(chain, key)| (Material::File(chain), Material::File(key)));
    let Some((chain, key)) = flags.or_else(|| access.identity.clone()) else { return Ok(None) };
    let (place, pem) = pem(chain)?;
    let chain = certificates(place, &pem)?;
    let (key_place, key) = self::pem(key)?;
    Ok(Some(Identity { chain, key, key_place }))
}

/// Where it is and what it says.
fn pem(material: Material) -> Result<(String, Vec<u8>), Error> {
    match material {
        Material::Text { field, pem } => Ok((field.to_owned(), pem)),
        Material::File(path) => Ok((path.display().to_string(), read(&path)?)),
    }
}

fn certificates_in(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    certificates(path.display().to_string(), &read(path)?)
}

fn certificates(place: String, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    match CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>() {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(Error::Pem { place, wanted: "certificate" }),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}
