//! Many requests on one connection, and too many.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use super::frames::{
    CANCEL, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, Frames, GET_ROOT, GOAWAY, HEADERS, REFUSED_STREAM, RST_STREAM,
    frame,
};
use super::*;

const LIMIT: Duration = Duration::from_secs(20);

/// A handler that holds every request until the gate is opened.
#[derive(Clone)]
struct Gate {
    open: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

impl Gate {
    fn closed() -> Self {
        Self { open: Arc::new(Semaphore::new(0)), waiting: Arc::default() }
    }

    fn router(&self) -> Router {
        let gate = self.clone();
        router().route(
            "/",
            get(async move || {
                gate.waiting.fetch_add(1, Ordering::SeqCst);
                drop(gate.open.acquire().await);
                "through"
            }),
        )
    }

    async fn holds(&self, requests: usize) {
        while self.waiting.load(Ordering::SeqCst) < requests {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn a_thousand_requests_of_the_front_proxys_connection_are_answered_at_once() {
    let gate = Gate::closed();
    let port = Port::serving(gate.router(), 1);
    let client = port.http2(Some(&front_proxy())).await;
    // The first answer comes after the server's settings, from which the client knows the limit.
    let _ = client.clone().send_request(request("/peer")).await.unwrap();
    let requests: Vec<_> = (0..1000)
        .map(|_| {
            let mut client = client.clone();
            tokio::spawn(async move { text(client.send_request(request("/")).await.unwrap()).await })
        })
        .collect();
    tokio::time::timeout(LIMIT, gate.holds(1000)).await.expect("all are under way at the same time");
    gate.open.add_permits(1);
    for request in requests {
        assert_eq!(request.await.unwrap(), "through");
    }
}

#[tokio::test]
async fn streams_beyond_the_limit_of_a_direct_caller_are_refused_one_by_one() {
    let gate = Gate::closed();
    let port = Port::serving(gate.router(), 2);
    let mut client = Frames::open(&port).await;
    let requests: Vec<u8> =
        (0..350).flat_map(|n| frame(HEADERS, END_STREAM | END_HEADERS, 2 * n + 1, GET_ROOT)).collect();
    client.send(&requests).await;
    let mut refused = 0;
    while refused < 100 {
        let frame = tokio::time::timeout(LIMIT, client.next()).await.unwrap().expect("the connection stays");
        if frame.kind == RST_STREAM {
            assert_eq!(frame.code(), REFUSED_STREAM);
            refused += 1;
        }
    }
    tokio::time::timeout(LIMIT, gate.holds(250)).await.unwrap();
    gate.open.add_permits(1);
    let mut answered = 0;
    while answered < 250 {
        let frame = tokio::time::timeout(LIMIT, client.next()).await.unwrap().expect("the connection stays");
        answered += usize::from(frame.kind == HEADERS);
    }
}

#[tokio::test]
async fn a_flood_of_resets_costs_the_flooder_his_connection_and_nobody_else() {
    let port = Port::serving(Gate::closed().router(), 2);
    let mut good = port.http2(None).await;
    let mut flooder = Frames::open(&port).await;
    let flood: Vec<u8> = (0..5000)
        .flat_map(|n| {
            let request = frame(HEADERS, END_STREAM | END_HEADERS, 2 * n + 1, GET_ROOT);
            [request, frame(RST_STREAM, 0, 2 * n + 1, &CANCEL.to_be_bytes())].concat()
        })
        .collect();
    let end = async {
        flooder.send(&flood).await;
        let mut told = None;
        while let Some(frame) = flooder.next().await {
            if frame.kind == GOAWAY {
                told = Some(frame.code());
            }
        }
        told
    };
    let told = tokio::time::timeout(LIMIT, end).await.expect("the connection is closed");
    assert_eq!(told, Some(ENHANCE_YOUR_CALM));
    assert_eq!(good.send_request(request("/peer")).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn an_answer_to_a_stranger_is_the_last_on_its_http2_connection() {
    let stranger = get(async || (StatusCode::UNAUTHORIZED, Extension(CloseConnection), "who are you"));
    let port = Port::serving(router().route("/stranger", stranger), 2);
    let mut client = port.http2(None).await;
    let mut other = client.clone();
    let under_way = tokio::spawn(async move { text(other.send_request(request("/slow")).await.unwrap()).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(text(client.send_request(request("/stranger")).await.unwrap()).await, "who are you");
    assert_eq!(under_way.await.unwrap(), "done", "what is under way is finished");
    tokio::time::sleep(Duration::from_millis(200)).await;
    client.send_request(request("/peer")).await.unwrap_err();

    let mut http1 = port.http1(None).await;
    assert_eq!(text(http1.send_request(request("/stranger")).await.unwrap()).await, "who are you");
    assert_eq!(http1.send_request(request("/peer")).await.unwrap().status(), StatusCode::OK);
}
