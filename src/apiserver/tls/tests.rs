use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::super::fixtures::{Authority, Pair};
use super::*;
use crate::telemetry::causes;

/// Shakes hands; the certificates the server saw, or its error.
async fn handshake(
    server: ServerConfig,
    client: rustls::ClientConfig,
) -> std::io::Result<Vec<CertificateDer<'static>>> {
    let (near, far) = tokio::io::duplex(16 * 1024);
    let client = tokio::spawn(async move {
        let name = ServerName::try_from("svc.test").unwrap();
        let mut stream = TlsConnector::from(Arc::new(client)).connect(name, near).await?;
        stream.write_all(b"x").await?;
        stream.read_u8().await
    });
    let mut stream = TlsAcceptor::from(Arc::new(server)).accept(far).await?;
    stream.read_u8().await?;
    let seen = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let seen = seen.iter().map(|certificate| certificate.clone().into_owned()).collect();
    stream.write_all(b"y").await?;
    client.await.unwrap()?;
    Ok(seen)
}

fn serving(pair: &Pair) -> ServerConfig {
    let certificate = ServingCertificate::default();
    certificate.install(certified_key(pair.certificate.as_bytes(), pair.key.as_bytes()).unwrap());
    server_config(Arc::new(certificate), Gauge::default()).unwrap()
}

#[tokio::test]
async fn clients_with_no_certificate_or_any_certificate_get_through() {
    let authority = Authority::named("serving");
    let server = || serving(&authority.server("svc.test"));
    assert!(handshake(server(), authority.client_config(None, &[])).await.unwrap().is_empty());

    let stranger = Authority::named("unheard of").client("ann", &[]);
    let seen = handshake(server(), authority.client_config(Some(&stranger), &[])).await.unwrap();
    assert_eq!(seen, stranger.chain());
}

#[tokio::test]
async fn a_certificate_without_its_key_fails_the_handshake() {
    let authority = Authority::named("serving");
    let (ann, bob) = (authority.client("ann", &[]), authority.client("bob", &[]));
    let forged =
        Arc::new(CertifiedKey::new(ann.chain(), provider().key_provider.load_private_key(bob.private_key()).unwrap()));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(authority.der()).unwrap();
        let client = rustls::ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_cert_resolver(Arc::new(Forged(Arc::clone(&forged))));
        handshake(serving(&authority.server("svc.test")), client).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_client_whose_chain_is_too_long_to_be_looked_at_is_turned_away() {
    let authority = Authority::named("serving");
    let mut client = authority.client("ann", &[]);
    let server = || serving(&authority.server("svc.test"));
    client.certificate.push_str(&authority.pem().repeat(4));
    handshake(server(), authority.client_config(Some(&client), &[])).await.unwrap();
    client.certificate.push_str(&authority.pem());
    handshake(server(), authority.client_config(Some(&client), &[])).await.unwrap_err();
}

#[derive(Debug)]
struct Forged(Arc<CertifiedKey>);

impl rustls::client::ResolvesClientCert for Forged {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_new_certificate_counts_from_the_next_handshake_on() {
    let (old, new) = (Authority::named("old"), Authority::named("new"));
    let certificate = Arc::new(ServingCertificate::default());
    let server = server_config(Arc::clone(&certificate), Gauge::default()).unwrap();
    handshake(server.clone(), old.client_config(None, &[])).await.expect_err("nothing to show yet");
    for authority in [&old, &new] {
        let pair = authority.server("svc.test");
        certificate.install(certified_key(pair.certificate.as_bytes(), pair.key.as_bytes()).unwrap());
        handshake(server.clone(), authority.client_config(None, &[])).await.unwrap();
    }
    handshake(server, old.client_config(None, &[])).await.expect_err("the old authority is gone");
}

#[test]
fn a_bad_pair_is_told_apart_from_a_good_one() {
    let authority = Authority::named("serving");
    let (one, other) = (authority.server("svc.test"), authority.server("svc.test"));
    let read = |certificate: &str, key: &str| certified_key(certificate.as_bytes(), key.as_bytes());
    assert!(read(&one.certificate, &one.key).is_ok());
    assert!(matches!(read(&one.certificate, &other.key), Err(PairError::Mismatch(_))));
    assert!(matches!(read("", &one.key), Err(PairError::NoCertificate)));
    assert!(matches!(read(&one.certificate, ""), Err(PairError::Key(_))));
    assert!(matches!(
        read("-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----", &one.key),
        Err(PairError::Certificate(_))
    ));
}

#[test]
fn nothing_of_a_mangled_key_is_told() {
    let pair = Authority::named("serving").server("svc.test");
    let (begin, rest) = pair.key.split_once('\n').unwrap();
    let key = rest.lines().next().unwrap();
    let cut = format!("{begin}\n{key}\n");
    for mangled in [pair.key.replace('\n', "\\n"), pair.key.replace('\n', " "), pair.key.replace('\n', ""), cut] {
        let errors = [(&pair.certificate, &mangled), (&mangled, &pair.key)]
            .map(|(chain, key)| certified_key(chain.as_bytes(), key.as_bytes()).unwrap_err());
        for told in errors.map(|error| format!("{}; {error:?}", causes(&error))) {
            for piece in key.as_bytes().chunks(6) {
                let bytes = format!("{piece:?}");
                assert!(!told.contains(bytes.trim_matches(['[', ']'])), "{told}");
                assert!(!told.contains(std::str::from_utf8(piece).unwrap()), "{told}");
            }
        }
    }
}
