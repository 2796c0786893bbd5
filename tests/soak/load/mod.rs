//! Clients of every kind, each at its own pace, until they are told to leave.

mod callers;
mod lists;
mod watchers;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use reqwest::{Client, Response};
use tokio::time::Instant;

use crate::stage::Stage;

/// The server, by the name its certificate has.
pub(crate) const SERVER: &str = "https://custom-api.custom-api.svc";
const OWN: &str = "/apis/custom.example.com/v1";
const METRICS: &str = "/apis/metrics.k8s.io/v1beta1";
/// Handshakes and requests that take so long may be cut off.
const LATE: Duration = Duration::from_secs(5);
/// More complaints say nothing new.
const COMPLAINTS: usize = 10;

/// What was done, by kind, and what did not go as it should.
#[derive(Clone, Default)]
pub(crate) struct Deeds(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    done: BTreeMap<&'static str, u64>,
    complaints: Vec<String>,
}

impl Deeds {
    fn done(&self, what: &'static str) {
        *self.book().done.entry(what).or_default() += 1;
    }

    fn complain(&self, complaint: String) {
        let mut book = self.book();
        if book.complaints.len() < COMPLAINTS {
            book.complaints.push(complaint);
        }
    }

    fn judge(&self, what: &'static str, done: Result<(), String>) {
        match done {
            Ok(()) => self.done(what),
            Err(error) => self.complain(format!("{what}: {error}")),
        }
    }

    /// How often each was done.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.book().done.clone()
    }

    /// What clients had to complain of.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.book().complaints.clone()
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All clients at once, for ever; dropping it cuts them off where they are.
pub(crate) async fn go_on(stage: &Stage, deeds: &Deeds) -> Result<(), String> {
    let mut clients: Vec<BoxFuture<'_, ()>> = Vec::new();
    clients.extend(lists::all(stage, deeds)?.into_iter().map(FutureExt::boxed));
    clients.extend(watchers::all(stage, deeds)?.into_iter().map(FutureExt::boxed));
    clients.extend(callers::all(stage, deeds)?);
    join_all(clients).await;
    Ok(())
}

/// Asks, and wants an answer of this status.
async fn ask(client: &Client, url: &str, accept: &str, wanted: u16) -> Result<Response, String> {
    let begun = Instant::now();
    let mut answer = client.get(url).header(http::header::ACCEPT, accept).send().await;
    if answer.is_err() && begun.elapsed() > LATE {
        // Where the machine is so busy, the server's patience with a client may be over.
        answer = client.get(url).header(http::header::ACCEPT, accept).send().await;
    }
    let answer = answer.map_err(|error| format!("{url}: {error:?}"))?;
    if answer.status() == wanted {
        return Ok(answer);
    }
    let status = answer.status();
    Err(format!("{url} as {accept}: {status}, not {wanted}: {}", answer.text().await.unwrap_or_default()))
}

/// The same, read to its end.
async fn read(client: &Client, url: &str, accept: &str, wanted: u16) -> Result<bytes::Bytes, String> {
    let answer = ask(client, url, accept, wanted).await?;
    answer.bytes().await.map_err(|error| format!("{url}: {error:?}"))
}

async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
