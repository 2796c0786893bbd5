use std::time::Duration;

use http_body_util::BodyExt as _;
use tokio::time::Instant;

use super::*;
use crate::apiserver::resources::json::Json;

/// So many rows of about a kilobyte, one a turn.
struct Numbers {
    left: u64,
    json: Json,
}

impl Numbers {
    fn new(rows: u64) -> Self {
        let mut json = Json::with_capacity(CHUNK_CAPACITY_BYTES);
        json.open(b'{');
        json.key("kind").string("NumberList");
        json.key("items").open(b'[');
        Self { left: rows, json }
    }
}

impl Turns for Numbers {
    fn turn(&mut self) -> bool {
        self.json.string(&"x".repeat(1000));
        self.left -= 1;
        if self.left == 0 {
            self.json.close(b']');
            self.json.close(b'}');
            self.json.end_line();
        }
        self.left > 0
    }

    fn written(&mut self) -> &mut BytesMut {
        self.json.buffer()
    }
}

fn in_flight(time: Duration) -> InFlight {
    InFlight::unlimited(Instant::now() + time)
}

async fn answer(rows: u64, pretty: bool) -> Response {
    Stream::begin(Numbers::new(rows), pretty).await.answer("application/json", in_flight(Duration::from_mins(1)))
}

#[tokio::test]
async fn a_short_list_has_a_length() {
    let body = answer(3, false).await.into_body();
    let told = http_body::Body::size_hint(&body).exact();
    let sent = body.collect().await.unwrap().to_bytes();
    assert_eq!(told, Some(sent.len() as u64));
    assert!(sent.ends_with(b"xxx\"]}\n"));
}

#[tokio::test]
async fn a_long_list_comes_in_chunks_and_whole() {
    let mut body = answer(1000, false).await.into_body();
    let mut all = Vec::new();
    while let Some(frame) = body.frame().await {
        let chunk = frame.unwrap().into_data().unwrap();
        assert!(chunk.len() <= CHUNK_CAPACITY_BYTES, "{}", chunk.len());
        all.extend_from_slice(&chunk);
    }
    let list: serde_json::Value = serde_json::from_slice(&all).unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 1000);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_not_read_in_time_is_cut_off_not_ended() {
    let list = Stream::begin(Numbers::new(1000), false).await;
    let mut body = list.answer("application/json", in_flight(Duration::from_secs(5))).into_body();
    tokio::time::sleep(Duration::from_secs(6)).await;
    let mut went_well = None;
    while let Some(frame) = body.frame().await {
        went_well = Some(frame.is_ok());
    }
    assert_eq!(went_well, Some(false), "a client must not take the part for the whole");
}

#[tokio::test]
async fn a_list_of_any_length_is_indented_chunk_by_chunk() {
    for rows in [2, 2000] {
        let mut body = answer(rows, true).await.into_body();
        let mut all = Vec::new();
        while let Some(frame) = body.frame().await {
            let chunk = frame.unwrap().into_data().unwrap();
            assert!(chunk.len() <= CHUNK_CAPACITY_BYTES, "{}", chunk.len());
            all.extend_from_slice(&chunk);
        }
        assert!(all.starts_with(b"{\n  \"kind\": \"NumberList\",\n  \"items\": [\n    \"x"));
        assert!(all.ends_with(b"x\"\n  ]\n}\n"));
        let list: serde_json::Value = serde_json::from_slice(&all).unwrap();
        assert_eq!(list["items"].as_array().unwrap().len() as u64, rows);
    }
}
