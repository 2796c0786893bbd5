//! Clients that take their time.

use super::frames::{END_HEADERS, Frames, GET_ROOT, HEADERS, frame};
use super::*;

#[tokio::test(start_paused = true)]
async fn a_client_that_never_shakes_hands_is_dropped_in_time() {
    let port = Port::open(1);
    let start = tokio::time::Instant::now();
    let mut silent = TcpStream::connect(port.address).await.unwrap();
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
    assert!((9..=11).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_head_that_never_ends_is_cut_in_time() {
    let port = Port::open(1);
    let mut slow = port.dial(None, HTTP1).await.unwrap();
    let start = tokio::time::Instant::now();
    slow.write_all(b"GET /peer HTTP/1.1\r\nhost: x\r\nx-slow: ").await.unwrap();
    let mut answer = Vec::new();
    // The end may come as a reset: what counts is that it comes.
    let _ = slow.read_to_end(&mut answer).await;
    assert!((31..=34).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_http2_connection_on_which_nothing_happens_is_closed() {
    let port = Port::open(1);
    let mut sender = port.http2(None).await;
    sender.send_request(request("/peer")).await.unwrap();
    let start = tokio::time::Instant::now();
    while !sender.is_closed() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(start.elapsed() < Duration::from_mins(11), "still open");
    }
    assert!(start.elapsed() >= Duration::from_mins(4), "{:?}", start.elapsed());
}

/// How long it takes until the server ends the connection.
async fn seconds_to_end(stream: &mut (impl AsyncReadExt + Unpin)) -> u64 {
    let start = tokio::time::Instant::now();
    // The end may come as a reset: what counts is that it comes.
    let _ = stream.read_to_end(&mut Vec::new()).await;
    start.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn a_head_that_drips_is_cut_in_time_however_steadily() {
    let port = Port::open(1);
    let (mut read, mut write) = tokio::io::split(port.dial(None, HTTP1).await.unwrap());
    let drip = tokio::spawn(async move {
        write.write_all(b"GET /peer HTTP/1.1\r\nhost: x\r\nx-slow: ").await.unwrap();
        while write.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    assert!((31..=34).contains(&seconds_to_end(&mut read).await));
    drip.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_http2_connection_on_which_nothing_was_ever_asked_is_closed_soon() {
    let port = Port::open(3);
    let mut silent = port.dial(None, HTTP2).await.unwrap();
    assert!((31..=67).contains(&seconds_to_end(&mut silent).await), "no preface");
    let mut half = port.dial(None, HTTP2).await.unwrap();
    half.write_all(b"PRI * HTTP/2.0").await.unwrap();
    assert!((31..=67).contains(&seconds_to_end(&mut half).await), "half a preface");
    let polite = port.http2(None).await;
    let start = tokio::time::Instant::now();
    while !polite.is_closed() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(start.elapsed() < Duration::from_secs(40), "no request");
    }
}

#[tokio::test(start_paused = true)]
async fn an_http2_head_that_never_ends_is_cut_in_time() {
    for requests_before in [0, 1] {
        let port = Port::open(1);
        let mut client = Frames::open(&port).await;
        for _ in 0..requests_before {
            client.send(&frame(HEADERS, 1 | END_HEADERS, 1, GET_ROOT)).await;
        }
        // Until the rest comes, no other frame may be sent, so no ping can be answered.
        client.send(&frame(HEADERS, 1, 3, GET_ROOT)).await;
        let start = tokio::time::Instant::now();
        while client.read().await.is_some() {}
        assert!(start.elapsed() < Duration::from_secs(80), "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn nobody_waits_for_a_body_that_nobody_reads() {
    let port = Port::open(2);
    let mut http1 = port.dial(None, HTTP1).await.unwrap();
    http1.write_all(b"POST /peer HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n{").await.unwrap();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(5), http1.read_to_end(&mut answer));
    let _ = ended.await.expect("the connection is closed, for what follows on it is no request");
    assert!(answer.starts_with(b"HTTP/1.1 405"), "{}", String::from_utf8_lossy(&answer));

    let mut http2 = port.http2(None).await;
    let endless = Body::from_stream(futures::stream::pending::<Result<bytes::Bytes, io::Error>>());
    let mut upload = request("/peer").map(|_| endless);
    *upload.method_mut() = http::Method::POST;
    let answer = tokio::time::timeout(Duration::from_secs(5), http2.send_request(upload)).await.unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(http2.send_request(request("/peer")).await.unwrap().status(), StatusCode::OK);
}
