//! Against other replicas that do as they are told, over real TLS. Time is real: sockets do not know
//! paused time.

use bytes::Bytes;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::replicas::fixtures::{NOW, credentials, intake, memory, scrape_here};
use crate::replicas::frames::frame;
use crate::replicas::lease::State;
use crate::replicas::replica::Memory;

const SOON: Duration = Duration::from_secs(5);
/// Without a word, another replica is taken for gone.
const LASTS: Duration = Duration::from_millis(500);

/// What the other does on one connection.
#[derive(Clone)]
enum Does {
    /// Answers with this status.
    Refuse(u16),
    /// Sends these and closes without an end.
    Break(Vec<Bytes>),
    /// Sends these and ends.
    End(Vec<Bytes>),
    /// Sends these and says nothing more.
    Hang(Vec<Bytes>),
}

struct World {
    memory: Memory,
    words: mpsc::Receiver<Word>,
    metrics: Metrics,
    following: tokio::task::JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.following.abort();
    }
}

/// Follows a replica that does this on each connection in turn, and hangs on all that come later.
async fn world(script: Vec<Does>) -> World {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let credentials = credentials();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let chain = CertificateDer::from_pem_slice(credentials.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(credentials.key.as_bytes()).unwrap();
    let tls = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![chain], key).unwrap();
    tokio::spawn(serve(listener, Arc::new(tls).into(), script));
    let (memory, metrics) = (memory(), Metrics::default());
    let (sender, credentials) = watch::channel(Some(credentials));
    std::mem::forget(sender);
    let (words, said) = mpsc::channel(16);
    let listening = Listening {
        name: "svc.test".to_owned(),
        credentials,
        intake: Arc::new(intake(memory.clone())),
        metrics: metrics.clone(),
    };
    let other = Presence { name: "other".to_owned(), address, state: State::Ready, lasts: LASTS, shares: true };
    let following = tokio::spawn(Follower { other, number: 7, words, listening }.run());
    World { memory, words: said, metrics, following }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, script: Vec<Does>) {
    let mut kept = Vec::new();
    for does in script.into_iter().chain(std::iter::repeat(Does::Hang(Vec::new()))) {
        let mut stream = tls.accept(listener.accept().await.unwrap().0).await.unwrap();
        let mut head = [0; 4096];
        _ = stream.read(&mut head).await.unwrap();
        let (messages, ends) = match &does {
            Does::Refuse(status) => {
                let answer = format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
                continue;
            }
            Does::End(messages) => (messages, true),
            Does::Break(messages) | Does::Hang(messages) => (messages, false),
        };
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
        for message in messages {
            stream.write_all(format!("{:x}\r\n", message.len()).as_bytes()).await.unwrap();
            stream.write_all(message).await.unwrap();
            stream.write_all(b"\r\n").await.unwrap();
        }
        if ends {
            stream.write_all(b"0\r\n\r\n").await.unwrap();
        }
        stream.flush().await.unwrap();
        if !matches!(does, Does::Break(_)) {
            kept.push(stream);
        }
    }
}

fn sign_of_life() -> Bytes {
    frame(&NodeSamples::default()).unwrap()
}

/// What another replica tells that has scraped the node.
fn node() -> Bytes {
    let memory = memory();
    scrape_here(&memory, NOW);
    let snapshot = memory.store.snapshot();
    let (name, record) = snapshot.nodes().next().unwrap();
    frame(&NodeSamples::of(name, record, NOW)).unwrap()
}

impl World {
    /// The next word, if it comes soon.
    async fn is_heard(&mut self) -> Option<bool> {
        let word = timeout(SOON, self.words.recv()).await.ok()??;
        assert_eq!(word.number, 7);
        Some(word.is_heard)
    }

    fn has_the_node(&self) -> bool {
        self.memory.store.snapshot().nodes().next().is_some_and(|(_, record)| record.is_told())
    }

    async fn ended_with(&self, reason: &str) -> bool {
        let deadline = Instant::now() + SOON;
        while self.metrics.ends(reason) == 0 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.metrics.ends(reason) > 0
    }
}

#[tokio::test]
async fn a_replica_is_heard_when_it_has_told_all_and_no_more_when_it_breaks_off() {
    let mut world = world(vec![Does::Break(vec![node(), sign_of_life()])]).await;
    assert_eq!(world.is_heard().await, Some(true));
    assert!(world.has_the_node());
    assert_eq!(world.is_heard().await, Some(false));
}

#[tokio::test]
async fn a_replica_that_is_silent_is_heard_no_more() {
    let mut world = world(vec![Does::Hang(vec![sign_of_life()])]).await;
    assert_eq!(world.is_heard().await, Some(true));
    let begun = Instant::now();
    assert_eq!(world.is_heard().await, Some(false));
    assert!(begun.elapsed() < LASTS * 2, "{:?}", begun.elapsed());
    assert!(world.ended_with("silent").await);
}

#[tokio::test]
async fn a_stream_that_ends_properly_begins_again_unnoticed() {
    let mut world = world(vec![Does::End(vec![sign_of_life()]), Does::Break(vec![sign_of_life(), node()])]).await;
    assert_eq!(world.is_heard().await, Some(true));
    assert_eq!(world.is_heard().await, Some(false), "after the second");
    assert!(world.has_the_node());
}

#[tokio::test]
async fn a_replica_that_leaves_ends_its_stream_and_refuses_the_next() {
    let mut world = world(vec![Does::End(vec![sign_of_life()]), Does::Refuse(503)]).await;
    assert_eq!(world.is_heard().await, Some(true));
    assert_eq!(world.is_heard().await, Some(false));
    assert!(world.ended_with("refused").await);
}

#[tokio::test]
async fn what_is_no_stream_of_ours_is_never_heard_and_asked_again() {
    let half = node().slice(..20);
    let huge = Bytes::from_static(&[0xff, 0xff, 0xff, 0x7f]);
    for (does, reason) in [
        (Does::Refuse(406), "refused"),
        (Does::Refuse(404), "refused"),
        (Does::Break(vec![]), "unreachable"),
        (Does::End(vec![node()]), "unreachable"),
        (Does::End(vec![half]), "unreachable"),
        (Does::End(vec![huge]), "unreadable"),
        (Does::End(vec![Bytes::from_static(b"\x05garbage")]), "unreadable"),
        (Does::Hang(vec![node()]), "silent"),
    ] {
        let mut world = world(vec![does, Does::Hang(vec![sign_of_life()])]).await;
        assert!(world.ended_with(reason).await, "{reason}");
        assert_eq!(world.is_heard().await, Some(true), "the next connection is a good one");
    }
}
