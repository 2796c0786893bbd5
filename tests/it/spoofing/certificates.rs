//! What a caller may show in the handshake: one certificate that speaks for others, and all that only
//! look like it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// The common name that the ConfigMap allows.
pub(crate) const PROXY: &str = "front-proxy-client";
/// The name in the server's certificate.
pub(crate) const HOST: &str = "custom-api.custom-api.svc";

type Authority = CertifiedIssuer<'static, KeyPair>;

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Nothing,
    OfForeignAuthority,
    /// Which is still in the ConfigMap.
    OfEndedAuthority,
    OfClusterClients,
    WithWrongName,
    Expired,
    NotYetValid,
    ForServersOnly,
    SignedByItself,
    WithoutItsIntermediate,
    WithItsIntermediate,
    Right,
}

impl Shown {
    pub(crate) const ALL: [Self; 12] = [
        Self::Nothing,
        Self::OfForeignAuthority,
        Self::OfEndedAuthority,
        Self::OfClusterClients,
        Self::WithWrongName,
        Self::Expired,
        Self::NotYetValid,
        Self::ForServersOnly,
        Self::SignedByItself,
        Self::WithoutItsIntermediate,
        Self::WithItsIntermediate,
        Self::Right,
    ];

    /// Whether it is a front proxy's, as long as its authority is believed.
    pub(crate) fn speaks_for_others(self) -> bool {
        matches!(self, Self::Right | Self::WithItsIntermediate)
    }
}

/// The authorities of a cluster, and one from elsewhere.
pub(crate) struct Authorities {
    /// Of front proxies.
    pub(crate) proxies: Authority,
    /// Of front proxies, after the rotation.
    pub(crate) next_proxies: Authority,
    /// Of clients with certificates of their own.
    pub(crate) clients: Authority,
    /// Of front proxies, until some time ago.
    pub(crate) ended: Authority,
    intermediate: Authority,
    foreign: Authority,
    serving: Authority,
}

impl Authorities {
    pub(crate) fn new() -> Self {
        let proxies = authority("proxies");
        let intermediate =
            CertifiedIssuer::signed_by(authority_params("proxies below"), KeyPair::generate().unwrap(), &proxies);
        Self {
            intermediate: intermediate.unwrap(),
            proxies,
            next_proxies: authority("next proxies"),
            clients: authority("clients"),
            ended: authority_until("ended proxies", 2021),
            // It has the name of the right one, but not its key.
            foreign: authority("proxies"),
            serving: authority("serving"),
        }
    }

    /// Writes the server's certificate and key; the flags to name them.
    pub(crate) fn serving_flags(&self, folder: &Path) -> [String; 4] {
        let params = leaf(HOST, ExtendedKeyUsagePurpose::ServerAuth);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.serving).unwrap();
        let [certificate_file, key_file] = ["serving.pem", "serving.key"].map(|name| folder.join(name));
        fs::write(&certificate_file, certificate.pem()).unwrap();
        fs::write(&key_file, key.serialize_pem()).unwrap();
        let [certificate, key] = [certificate_file, key_file].map(|path| path.display().to_string());
        ["--tls-cert-file".to_owned(), certificate, "--tls-private-key-file".to_owned(), key]
    }

    /// A client that shows `shown`.
    pub(crate) fn client(&self, shown: Shown, alpn: &[u8]) -> Arc<ClientConfig> {
        self.config(self.credential(shown), alpn)
    }

    /// A client that shows the certificate of a front proxy after the rotation.
    pub(crate) fn next_client(&self, alpn: &[u8]) -> Arc<ClientConfig> {
        self.config(Some(signed(&self.next_proxies, PROXY, |_| ())), alpn)
    }

    fn config(&self, credential: Option<Credential>, alpn: &[u8]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.serving.der().clone()).unwrap();
        let builder = ClientConfig::builder().with_root_certificates(roots);
        let mut config = match credential {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![alpn.to_vec()];
        Arc::new(config)
    }

    fn credential(&self, shown: Shown) -> Option<Credential> {
        let of_proxies = |name: &str, change: fn(&mut CertificateParams)| Some(signed(&self.proxies, name, change));
        match shown {
            Shown::Nothing => None,
            Shown::OfForeignAuthority => Some(signed(&self.foreign, PROXY, |_| ())),
            Shown::OfEndedAuthority => Some(signed(&self.ended, PROXY, |_| ())),
            Shown::OfClusterClients => Some(signed(&self.clients, PROXY, |_| ())),
            Shown::WithWrongName => of_proxies("front-proxy-clients", |_| ()),
            Shown::Expired => of_proxies(PROXY, |params| params.not_after = date_time_ymd(2021, 1, 1)),
            Shown::NotYetValid => of_proxies(PROXY, |params| params.not_before = date_time_ymd(2090, 1, 1)),
            Shown::ForServersOnly => of_proxies(PROXY, |params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            }),
            Shown::SignedByItself => {
                let key = KeyPair::generate().unwrap();
                let certificate = leaf(PROXY, ExtendedKeyUsagePurpose::ClientAuth).self_signed(&key).unwrap();
                Some((vec![certificate.der().clone()], PrivateKeyDer::from(key)))
            }
            Shown::WithoutItsIntermediate => Some(signed(&self.intermediate, PROXY, |_| ())),
            Shown::WithItsIntermediate => {
                let (mut chain, key) = signed(&self.intermediate, PROXY, |_| ());
                chain.push(self.intermediate.der().clone());
                Some((chain, key))
            }
            Shown::Right => of_proxies(PROXY, |_| ()),
        }
    }
}

type Credential = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn signed(authority: &Authority, name: &str, change: fn(&mut CertificateParams)) -> Credential {
    let mut params = leaf(name, ExtendedKeyUsagePurpose::ClientAuth);
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    (vec![certificate.der().clone()], PrivateKeyDer::from(key))
}

fn authority(name: &str) -> Authority {
    authority_until(name, 2096)
}

fn authority_until(name: &str, year: i32) -> Authority {
    let mut params = authority_params(name);
    params.not_after = date_time_ymd(year, 1, 1);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = leaf(name, ExtendedKeyUsagePurpose::Any);
    params.extended_key_usages.clear();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn leaf(name: &str, usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.replace(' ', "-")]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![usage];
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2096, 1, 1));
    params
}
