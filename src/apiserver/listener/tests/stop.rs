//! The end of the port.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[tokio::test]
async fn on_stop_open_requests_finish_and_new_connections_are_refused() {
    let port = Port::open(10);
    let (mut http2, mut http1) = (port.http2(None).await, port.http1(None).await);
    let open = tokio::spawn(async move {
        let (http2, http1) = tokio::join!(http2.send_request(request("/slow")), http1.send_request(request("/slow")));
        (text(http2.unwrap()).await, text(http1.unwrap()).await)
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    port.stop.cancel();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(TcpStream::connect(port.address).await.is_err());
    assert_eq!(open.await.unwrap(), ("done".to_owned(), "done".to_owned()));
    tokio::time::timeout(Duration::from_secs(1), port.served).await.expect("no connection is left").unwrap();
}

#[tokio::test]
async fn what_outlasts_the_drain_is_cut() {
    let port = Port::open(10);
    let mut http2 = port.http2(None).await;
    let open = tokio::spawn(async move { http2.send_request(request("/never")).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    port.stop.cancel();
    tokio::time::timeout(DRAIN + Duration::from_secs(2), port.served).await.expect("drained").unwrap();
    open.await.unwrap().unwrap_err();
}

/// What became of one request, as a client that retries like Go's sees it.
enum Sent {
    Answered,
    /// It was never taken on, and may be sent again on another connection.
    Unsent,
}

fn sent(answer: Result<http::Response<hyper::body::Incoming>, hyper::Error>, is_idle_http1: bool) -> Sent {
    match answer {
        Ok(answer) => {
            assert_eq!(answer.status(), StatusCode::OK);
            Sent::Answered
        }
        // On HTTP/2 the server says what it did not take on; an HTTP/1 connection that ends while
        // idle, with no byte of an answer, is what every client knows and dials again for.
        Err(error) if error.is_canceled() || says_unsent(&error) || (is_idle_http1 && has_ended(&error)) => {
            Sent::Unsent
        }
        Err(error) => panic!("a request failed: {error:?}"),
    }
}

fn has_ended(error: &hyper::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset};
    let cause = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    error.is_incomplete_message() || cause.is_some_and(|cause| matches!(cause.kind(), BrokenPipe | ConnectionReset))
}

fn says_unsent(error: &hyper::Error) -> bool {
    let error = std::error::Error::source(error).and_then(|source| source.downcast_ref::<h2::Error>());
    error.is_some_and(|error| {
        error.is_remote() && (error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM))
    })
}

/// Sends requests on connections that are kept while they live, until the port refuses new ones.
async fn keep_sending(dialer: Dialer, is_http2: bool, answered: Arc<AtomicUsize>, stop: CancellationToken) {
    loop {
        let dialled = if is_http2 {
            dialer.http2().await.map(|client| (Some(client), None))
        } else {
            dialer.http1().await.map(|client| (None, Some(client)))
        };
        let (mut http2, mut http1) = match dialled {
            Ok(clients) => clients,
            Err(error) => return assert!(stop.is_cancelled(), "refused before the stop: {error}"),
        };
        let mut is_used = false;
        loop {
            let answer = match (&mut http2, &mut http1) {
                (Some(client), _) => client.send_request(request("/quick")).await,
                (_, Some(client)) => {
                    if client.ready().await.is_err() {
                        break;
                    }
                    client.send_request(request("/quick")).await
                }
                _ => unreachable!(),
            };
            match sent(answer, is_used && !is_http2) {
                Sent::Answered => answered.fetch_add(1, Ordering::Relaxed),
                Sent::Unsent => break,
            };
            is_used = true;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_over_a_stop() {
    let quick = get(async || {
        tokio::time::sleep(Duration::from_millis(5)).await;
        "done"
    });
    for _ in 0..3 {
        let port = Port::serving(Router::new().route("/quick", quick.clone()), 100);
        let answered = Arc::new(AtomicUsize::new(0));
        let clients: Vec<_> = (0..16)
            .map(|n| {
                let is_http2 = n % 2 == 0;
                let dialer = port.dialer(None, if is_http2 { HTTP2 } else { HTTP1 });
                tokio::spawn(keep_sending(dialer, is_http2, Arc::clone(&answered), port.stop.clone()))
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(500)).await;
        port.stop.cancel();
        tokio::time::timeout(DRAIN, port.served).await.expect("drained in time").unwrap();
        for client in clients {
            client.await.unwrap();
        }
        assert!(answered.load(Ordering::Relaxed) > 200);
    }
}

#[tokio::test]
async fn a_client_that_dialled_just_before_the_stop_gets_its_answer() {
    let port = Port::open(10);
    let (mut http2, mut http1) = (port.http2(None).await, port.http1(None).await);
    port.stop.cancel();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(http2.send_request(request("/peer")).await.unwrap().status(), StatusCode::OK);
    assert_eq!(http1.send_request(request("/peer")).await.unwrap().status(), StatusCode::OK);
    let silent = http2.clone();
    tokio::time::timeout(DRAIN, port.served).await.expect("and delays the end no further").unwrap();
    assert!(silent.is_closed());
}
