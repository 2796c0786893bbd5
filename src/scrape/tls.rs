//! The TLS side of a connection to a kubelet: whom we believe, and who we say we are.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::config::{KubeletTls, KubeletTrust};
use crate::scrape::access::Material;
use crate::scrape::anyone::Anyone;
use crate::scrape::{Error, KubeletAccess};

/// Kubelets with a client authority speak HTTP/1.1 alone, and one request at a time needs no more.
const PROTOCOL: &[u8] = b"http/1.1";

/// Reads all files it names.
pub(super) fn client_config(tls: &KubeletTls, access: &KubeletAccess) -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match &tls.trust {
        KubeletTrust::Anyone => {
            tracing::warn!("the certificates of kubelets are not verified (--kubelet-insecure-tls)");
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider)))
        }
        KubeletTrust::File(path) => builder.with_root_certificates(roots(certificates_in(path)?)?),
        KubeletTrust::Cluster => builder.with_root_certificates(roots(cluster_authority(access)?)?),
    };
    let mut config = match identity(tls, access)? {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key)?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(config)
}

fn roots(certificates: Vec<CertificateDer<'static>>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate)?;
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

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The flags' pair, else the one of the connection to the API server.
fn identity(tls: &KubeletTls, access: &KubeletAccess) -> Result<Option<Identity>, Error> {
    let flags = tls.client_certificate.clone().map(|(chain, key)| (Material::File(chain), Material::File(key)));
    let Some((chain, key)) = flags.or_else(|| access.identity.clone()) else { return Ok(None) };
    let (place, pem) = pem(chain)?;
    let chain = certificates(place, &pem)?;
    let (place, pem) = self::pem(key)?;
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| Error::Pem { place, wanted: "private key" })?;
    Ok(Some((chain, key)))
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
