//! Those who are to be told apart: one of each kind of credentials a second, and strangers who come from
//! everywhere with a new token each time.

use std::net::{IpAddr, Ipv4Addr};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use kube_vitals::sim::control_plane::Account;
use reqwest::Client;
use tokio::net::TcpStream;

use super::{Deeds, METRICS, OWN, SERVER, pause, read};
use crate::stage::Stage;

const JSON: &str = "application/json";

/// They never end.
pub(super) fn all<'a>(stage: &'a Stage, deeds: &'a Deeds) -> Result<Vec<BoxFuture<'a, ()>>, String> {
    let own = format!("{SERVER}{OWN}/nodes/node-29");
    let (proxied, aggregator) = stage.proxied(Account::Viewer)?;
    let each = |what, client, url: &str, wanted| again(deeds, what, client, url.to_owned(), wanted).boxed();
    Ok(vec![
        each("callers with a token", stage.client(Account::Viewer)?, &own, 200),
        each("callers who may not", stage.client(Account::Guest)?, &own, 403),
        each("callers with a certificate", stage.certified()?, &format!("{SERVER}/version"), 200),
        each("callers without credentials", stage.anonymous()?, &own, 401),
        each("callers through the aggregator", proxied, &format!("{aggregator}{METRICS}/nodes/node-29"), 200),
        dialling_anew(stage, deeds).boxed(),
        forgers(stage, deeds)?.boxed(),
        strangers(stage, deeds).boxed(),
    ])
}

async fn again(deeds: &Deeds, what: &'static str, client: Client, url: String, wanted: u16) {
    loop {
        deeds.judge(what, read(&client, &url, JSON, wanted).await.map(drop));
        pause(1000).await;
    }
}

/// Each time on a new connection: another verdict on a certificate, another session.
async fn dialling_anew(stage: &Stage, deeds: &Deeds) {
    loop {
        let dialled = async {
            let client = stage.certified()?;
            read(&client, &format!("{SERVER}/apis"), JSON, 200).await.map(drop)
        };
        deeds.judge("new connections with a certificate", dialled.await);
        pause(300).await;
    }
}

/// They speak for somebody else, which is not for them to do.
fn forgers(stage: &Stage, deeds: &Deeds) -> Result<impl Future<Output = ()>, String> {
    let (client, url) = (stage.client(Account::Guest)?, format!("{SERVER}{OWN}/pods"));
    Ok(async move {
        loop {
            let forged = client.get(&url).header("X-Remote-User", "admin").header("X-Remote-Group", "system:masters");
            let answer = forged.send().await.map_err(|error| format!("{error:?}"));
            let is_refused = |status| if status == 403 { Ok(()) } else { Err(format!("{url}: {status}, not 403")) };
            deeds.judge("forgers", answer.and_then(|answer| is_refused(answer.status().as_u16())));
            pause(1000).await;
        }
    })
}

/// A new token from a new address each time, and one who says nothing at all. Who has shown too many bad
/// tokens is told to wait; none of these has.
async fn strangers(stage: &Stage, deeds: &Deeds) {
    for number in 0_u32.. {
        let from = Ipv4Addr::from_bits(u32::from_be_bytes([127, 200, 0, 1]) + number % 20_000);
        let asked = async {
            let client = stage.stranger(&format!("nobodys-{number}"), IpAddr::V4(from))?;
            read(&client, &format!("{SERVER}{METRICS}/nodes"), JSON, 401).await.map(drop)
        };
        deeds.judge("strangers", asked.await);
        let silent = TcpStream::connect((Ipv4Addr::LOCALHOST, stage.server.port)).await;
        deeds.judge("silent connections", silent.map(drop).map_err(|error| error.to_string()));
        pause(100).await;
    }
}
