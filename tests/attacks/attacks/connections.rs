//! Attacks below HTTP.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::attacker::{Attacker, HTTP1, HTTP2};

/// As many as fit into an address's share.
const HELD: usize = 200;
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
