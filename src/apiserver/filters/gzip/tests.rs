use std::io::Read as _;

use axum::response::IntoResponse as _;
use flate2::read::GzDecoder;
use http_body_util::BodyExt as _;

use super::*;

/// A response whose length is not told.
fn streamed(chunks: Vec<Bytes>) -> Response {
    let chunks = stream::iter(chunks.into_iter().map(Ok::<_, Error>));
    ([(header::VARY, "Accept")], Body::from_stream(chunks)).into_response()
}

fn is_gzip(response: &Response) -> bool {
    response.headers().get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip")
}

async fn bytes(response: Response) -> Vec<u8> {
    response.into_body().collect().await.unwrap().to_bytes().to_vec()
}

fn inflated(compressed: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    let mut decoder = GzDecoder::new(compressed);
    decoder.read_to_end(&mut all).unwrap();
    assert!(decoder.into_inner().is_empty(), "nothing follows the end");
    all
}

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % below
    }

    /// Bytes that compress well, badly or not at all.
    fn chunk(&mut self) -> Bytes {
        let (length, alphabet) = (self.next(100 << 10), [1, 4, 64, 256][self.next(4)]);
        (0..length).map(|_| u8::try_from(self.next(alphabet)).unwrap()).collect()
    }
}

#[test]
fn gzip_is_accepted_where_it_is_named_and_wanted() {
    for (accept, expected) in [
        ("gzip", true),
        ("deflate, gzip;q=0.5", true),
        ("GZIP ; q=1", true),
        ("br,gzip", true),
        ("gzip;q=0", false),
        ("gzip;q=0.000", false),
        ("gzip;q=nonsense", false),
        ("identity", false),
        ("x-gzip, *", false),
        ("", false),
    ] {
        let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(accept))]);
        assert_eq!(is_accepted(&headers), expected, "{accept}");
    }
    assert!(!is_accepted(&HeaderMap::new()));
}

#[tokio::test]
async fn what_is_inflated_is_what_was_written() {
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    for round in 0..40 {
        let chunks: Vec<Bytes> = (0..numbers.next(12)).map(|_| numbers.chunk()).collect();
        let original = chunks.concat();
        let response = Gzip::default().encode(streamed(chunks)).await;
        let is_long = original.len() > THRESHOLD_BYTES;
        assert_eq!(is_gzip(&response), is_long, "round {round}: {} bytes", original.len());
        let sent = bytes(response).await;
        assert!(if is_long { inflated(&sent) } else { sent } == original, "round {round}");
    }
}

#[tokio::test]
async fn only_more_than_128_kib_are_compressed_and_vary_says_so() {
    for (length, expected) in [(0, false), (THRESHOLD_BYTES, false), (THRESHOLD_BYTES + 1, true)] {
        let whole = Bytes::from(vec![b'x'; length]);
        let told = ([(header::VARY, "Accept"), (header::CONTENT_LENGTH, "1")], whole.clone()).into_response();
        for response in [told, streamed(vec![whole.clone()])] {
            let response = Gzip::default().encode(response).await;
            assert_eq!(is_gzip(&response), expected, "{length}");
            let vary: Vec<_> = response.headers().get_all(header::VARY).iter().collect();
            assert_eq!(vary, if expected { vec!["Accept", "Accept-Encoding"] } else { vec!["Accept"] });
            assert!(!expected || !response.headers().contains_key(header::CONTENT_LENGTH));
        }
    }
}

#[tokio::test]
async fn what_is_encoded_already_is_left_alone() {
    let body = Bytes::from(vec![b'x'; THRESHOLD_BYTES * 2]);
    let encoded = ([(header::CONTENT_ENCODING, "br")], body.clone()).into_response();
    let response = Gzip::default().encode(encoded).await;
    assert_eq!(response.headers()[header::CONTENT_ENCODING], "br");
    assert!(bytes(response).await == body);
}

#[tokio::test]
async fn no_more_is_read_ahead_than_tells_that_the_answer_is_long() {
    let (taken, count) = (Arc::new(std::sync::atomic::AtomicUsize::new(0)), 100);
    let counter = Arc::clone(&taken);
    let chunks = stream::iter((0..count).map(move |_| {
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok::<_, Error>(Bytes::from(vec![b'x'; 64 << 10]))
    }));
    let response = Gzip::default().encode(Body::from_stream(chunks).into_response()).await;
    assert_eq!(taken.load(std::sync::atomic::Ordering::Relaxed), 3);
    assert_eq!(inflated(&bytes(response).await).len(), count * (64 << 10));
}

#[tokio::test]
async fn an_answer_that_breaks_off_has_no_end_when_compressed_either() {
    for good in [1, 5] {
        let chunks = (0..good).map(|_| Ok(Bytes::from(vec![b'x'; 64 << 10])));
        let chunks = stream::iter(chunks.chain([Err(Error::new("cut off"))]).collect::<Vec<_>>());
        let response = Gzip::default().encode(Body::from_stream(chunks).into_response()).await;
        assert!(response.into_body().collect().await.is_err(), "after {good} chunks");
    }
}

#[tokio::test]
async fn other_tasks_get_their_turn_while_an_answer_is_compressed() {
    let mut chunks = Compressed::new(
        stream::iter([Ok(Bytes::from(vec![b'x'; TURN_BYTES * 10]))]).boxed(),
        Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap(),
    );
    let mut turns = 0;
    loop {
        match futures::poll!(chunks.next()) {
            Poll::Pending => turns += 1,
            Poll::Ready(Some(_)) => {}
            Poll::Ready(None) => break,
        }
    }
    assert!(turns >= 10, "{turns}");
}

#[tokio::test]
async fn beyond_so_many_at_once_answers_are_sent_as_they_are() {
    let gzip = Gzip::default();
    let long = || streamed(vec![Bytes::from(vec![b'x'; THRESHOLD_BYTES * 2])]);
    let mut held = Vec::new();
    for _ in 0..MAX_ENCODERS {
        held.push(gzip.encode(long()).await);
    }
    assert!(held.iter().all(is_gzip));
    let plain = gzip.encode(long()).await;
    assert!(!is_gzip(&plain));
    assert_eq!(bytes(plain).await.len(), THRESHOLD_BYTES * 2);
    held.clear();
    assert!(is_gzip(&gzip.encode(long()).await));
}
