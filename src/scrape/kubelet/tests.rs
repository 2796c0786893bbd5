//! One request against a kubelet that does whatever a kubelet, or something in its place, can do.

use tokio::net::TcpListener;

use super::*;
use crate::config::{KubeletServerName, KubeletTls, KubeletTrust};
use crate::scrape::fixtures::{Behaviour, FakeKubelet, http};

const SHORT: Duration = Duration::from_millis(400);

async fn kubelet(behaviour: Behaviour) -> FakeKubelet {
    FakeKubelet::start(move |_| behaviour.clone()).await
}

fn line(address: &impl ToString) -> Line {
    Line::to(vec![address.to_string()])
}

async fn ask_with(kubelet: &FakeKubelet, settings: &Scraping) -> Result<Vec<u8>, Failure> {
    let kubelets = Kubelets::build(settings, kubelet.access()).unwrap();
    kubelets.ask(&mut line(&kubelet.address), Page::Resource).await.map(|body| body.to_vec())
}

async fn ask(kubelet: &FakeKubelet) -> Result<Vec<u8>, Failure> {
    ask_with(kubelet, &Scraping { request_timeout: SHORT, body_limit_bytes: 1000, ..kubelet.settings() }).await
}

async fn failure(behaviour: Behaviour) -> Failure {
    ask(&kubelet(behaviour).await).await.unwrap_err()
}

#[tokio::test]
async fn a_good_answer_is_its_body_and_the_connection_is_kept() {
    let kubelet = kubelet(Behaviour::Send(http("200 OK", "", b"metric 1\n"))).await;
    let kubelets = Kubelets::build(&kubelet.settings(), kubelet.access()).unwrap();
    let mut line = line(&kubelet.address);
    for page in [Page::Resource, Page::Summary] {
        assert_eq!(&*kubelets.ask(&mut line, page).await.unwrap(), b"metric 1\n");
    }
    let heads = kubelet.requests.lock().clone();
    assert!(heads[0].starts_with("GET /metrics/resource HTTP/1.1\r\n"), "{heads:?}");
    assert!(heads[1].starts_with("GET /stats/summary?only_cpu_and_memory=true HTTP/1.1\r\n"), "{heads:?}");
    let head = heads[0].to_lowercase();
    assert!(head.contains("authorization: bearer secret\r\n") && head.contains("accept-encoding: identity\r\n"));
}

#[tokio::test]
async fn a_chunked_answer_is_put_together() {
    let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
    assert_eq!(ask(&kubelet(Behaviour::Send(chunks.to_vec())).await).await.unwrap(), b"abc");
}

#[tokio::test]
async fn silence_and_slow_drips_end_in_time() {
    let begun = tokio::time::Instant::now();
    assert_eq!(failure(Behaviour::Hang).await, Failure::Timeout(SHORT));
    let endless = b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n".to_vec();
    assert_eq!(failure(Behaviour::Drip(endless, SHORT / 8)).await, Failure::Timeout(SHORT));
    assert!(begun.elapsed() < SHORT * 4);
}

#[tokio::test]
async fn a_traced_scrape_tells_the_kubelet_its_parent() {
    use opentelemetry::trace::TracerProvider as _;
    use tracing::Instrument as _;
    use tracing_subscriber::layer::SubscriberExt as _;

    let tracer = opentelemetry_sdk::trace::SdkTracerProvider::default().tracer("test");
    let spans = tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(tracer));
    let _collecting = tracing::subscriber::set_default(spans);
    let kubelet = kubelet(Behaviour::Send(http("200 OK", "", b"metric 1\n"))).await;
    ask(&kubelet).instrument(tracing::info_span!("scrape")).await.unwrap();
    let head = kubelet.requests.lock().concat();
    assert!(head.contains("traceparent: 00-"), "{head}");
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_truncated() {
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nhalf".to_vec();
    assert_eq!(
        failure(Behaviour::SendAndClose(half)).await,
        Failure::Truncated("the connection was closed early".to_owned())
    );
    let chunk = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf".to_vec();
    assert!(matches!(failure(Behaviour::SendAndClose(chunk)).await, Failure::Truncated(_)));
    assert!(matches!(failure(Behaviour::Close).await, Failure::Truncated(_)));
    let no_http = b"\x00\x01\x02 certainly no HTTP\r\n\r\n".to_vec();
    assert!(matches!(failure(Behaviour::SendAndClose(no_http)).await, Failure::Truncated(_)));
}

#[tokio::test]
async fn refusals_redirects_and_errors_are_told_apart() {
    assert_eq!(failure(Behaviour::Send(http("401 Unauthorized", "", b""))).await, Failure::Unauthorized);
    assert_eq!(failure(Behaviour::Send(http("403 Forbidden", "", b""))).await, Failure::Forbidden);
    assert_eq!(failure(Behaviour::Send(http("500 Oh", "", b"no"))).await, Failure::Status(500));
    let elsewhere = http("302 Found", "Location: https://127.0.0.1:1/\r\n", b"");
    assert_eq!(failure(Behaviour::Send(elsewhere)).await, Failure::Status(302));
}

#[tokio::test]
async fn a_body_over_the_cap_is_refused_whether_its_length_is_told_or_not() {
    let told = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n".to_vec();
    assert_eq!(failure(Behaviour::Send(told)).await, Failure::BodyTooLarge(1000));
    let mut untold = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    untold.resize(5000, b'#');
    assert_eq!(failure(Behaviour::SendAndClose(untold)).await, Failure::BodyTooLarge(1000));
    assert_eq!(ask(&kubelet(Behaviour::Send(http("200 OK", "", &[b'#'; 1000]))).await).await.unwrap().len(), 1000);
}

#[tokio::test]
async fn long_bodies_wait_for_their_turn_and_short_ones_do_not() {
    let kubelet = FakeKubelet::start(|head| {
        let length = if head.contains("/stats") { 100 } else { body::SHORT_BYTES + 1 };
        Behaviour::Send(http("200 OK", "", &vec![b'#'; length]))
    })
    .await;
    let settings = Scraping { request_timeout: SHORT * 3, ..kubelet.settings() };
    let kubelets = Kubelets::build(&settings, kubelet.access()).unwrap();
    let mut line = line(&kubelet.address);
    let mut held = Vec::new();
    for _ in 0..body::LONG_AT_ONCE {
        held.push(kubelets.ask(&mut line, Page::Resource).await.unwrap());
    }
    let refused = kubelets.ask(&mut line, Page::Resource).await.unwrap_err();
    assert_eq!(refused, Failure::Timeout(settings.request_timeout));
    assert_eq!(kubelets.ask(&mut line, Page::Summary).await.unwrap().len(), 100);
    held.pop();
    assert_eq!(kubelets.ask(&mut line, Page::Resource).await.unwrap().len(), body::SHORT_BYTES + 1);
}

#[tokio::test]
async fn a_coding_that_was_not_asked_for_is_refused_unread() {
    let gzip = http("200 OK", "Content-Encoding: gzip\r\n", b"\x1f\x8b");
    assert_eq!(failure(Behaviour::Send(gzip)).await, Failure::Encoding("gzip".to_owned()));
}

#[tokio::test]
async fn a_foreign_certificate_is_refused_as_such_unless_anyone_is_trusted() {
    let kubelet = kubelet(Behaviour::Send(http("200 OK", "", b"x 1\n"))).await;
    let other = self::kubelet(Behaviour::Hang).await;
    let mut line = line(&kubelet.address);
    let foreign = Kubelets::build(&kubelet.settings(), other.access()).unwrap();
    let failure = foreign.ask(&mut line, Page::Resource).await.unwrap_err();
    assert!(matches!(failure, Failure::Tls(_)), "{failure:?}");
    assert!(failure.to_string().contains("--kubelet-certificate-authority"), "{failure}");
    assert_eq!(kubelet.requests_for("/"), 0, "no token was sent");

    let tls =
        KubeletTls { trust: KubeletTrust::Anyone, client_certificate: None, server_name: KubeletServerName::Address };
    let anyone = Kubelets::build(&Scraping { tls, ..kubelet.settings() }, other.access()).unwrap();
    assert!(anyone.ask(&mut line, Page::Resource).await.is_ok());
}

#[tokio::test]
async fn a_chain_that_is_too_long_to_be_looked_at_is_refused_as_such() {
    let good = || |_: &str| Behaviour::Send(http("200 OK", "", b"x 1\n"));
    assert_eq!(ask(&FakeKubelet::showing(5, good()).await).await.unwrap(), b"x 1\n");
    let failure = ask(&FakeKubelet::showing(6, good()).await).await.unwrap_err();
    assert!(matches!(&failure, Failure::Tls(reason) if reason.contains("the chain has 5")), "{failure:?}");
}

#[tokio::test]
async fn a_certificate_of_another_name_is_refused() {
    let kubelet = kubelet(Behaviour::Hang).await;
    let kubelets = Kubelets::build(&kubelet.settings(), kubelet.access()).unwrap();
    let mut by_name = line(&format!("localhost:{}", kubelet.address.port()));
    let failure = kubelets.ask(&mut by_name, Page::Resource).await.unwrap_err();
    assert!(matches!(failure, Failure::Tls(_)), "{failure:?}");
}

#[tokio::test]
async fn the_next_address_is_asked_when_the_first_refuses_or_swallows_connections() {
    let kubelet = kubelet(Behaviour::Send(http("200 OK", "", b"x 1\n"))).await;
    // Bound and dropped: nobody listens there. Bound and never accepted: nobody shakes hands there.
    let refusing = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let swallowing = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for dead in [refusing, swallowing.local_addr().unwrap()] {
        let settings = Scraping { request_timeout: SHORT, ..kubelet.settings() };
        let kubelets = Kubelets::build(&settings, kubelet.access()).unwrap();
        let mut line = Line::to(vec![dead.to_string(), kubelet.address.to_string()]);
        for _ in 0..2 {
            kubelets.ask(&mut line, Page::Resource).await.unwrap();
            assert_eq!(line.asked(), kubelet.address.to_string());
        }
    }
}

#[tokio::test]
async fn nobody_listening_is_a_failed_connection() {
    let kubelet = kubelet(Behaviour::Hang).await;
    let refusing = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let kubelets = Kubelets::build(&kubelet.settings(), kubelet.access()).unwrap();
    let failure = kubelets.ask(&mut line(&refusing), Page::Resource).await.unwrap_err();
    assert!(matches!(&failure, Failure::Connect(cause) if cause.contains("refused")), "{failure:?}");
    let nonsense = kubelets.ask(&mut line(&"not a host:1"), Page::Resource).await.unwrap_err();
    assert!(matches!(nonsense, Failure::Connect(_)), "{nonsense:?}");
}

#[tokio::test]
async fn trust_without_an_authority_is_refused_at_start() {
    let kubelet = kubelet(Behaviour::Hang).await;
    let nobody = KubeletAccess::default();
    assert!(matches!(Kubelets::build(&kubelet.settings(), nobody), Err(Error::NoAuthority)));
    let tls = KubeletTls {
        trust: KubeletTrust::File("/nonexistent".into()),
        client_certificate: None,
        server_name: KubeletServerName::Address,
    };
    let settings = Scraping { tls, ..kubelet.settings() };
    assert!(matches!(Kubelets::build(&settings, kubelet.access()), Err(Error::Read { .. })));
}

#[tokio::test]
async fn one_connection_serves_many_requests_even_after_a_refusal() {
    let kubelet = FakeKubelet::start(|head| {
        let status = if head.contains("/stats") { "403 Forbidden" } else { "200 OK" };
        Behaviour::Send(http(status, "", b"x 1\n"))
    })
    .await;
    let kubelets = Kubelets::build(&kubelet.settings(), kubelet.access()).unwrap();
    let mut line = line(&kubelet.address);
    for _ in 0..3 {
        assert!(kubelets.ask(&mut line, Page::Resource).await.is_ok());
        assert_eq!(kubelets.ask(&mut line, Page::Summary).await.unwrap_err(), Failure::Forbidden);
    }
    assert_eq!(kubelet.connections(), 1);
}

#[tokio::test]
async fn a_connection_that_the_kubelet_closed_is_replaced_unnoticed() {
    let kubelet = kubelet(Behaviour::SendAndClose(http("200 OK", "", b"x 1\n"))).await;
    let kubelets = Kubelets::build(&kubelet.settings(), kubelet.access()).unwrap();
    let mut line = line(&kubelet.address);
    for round in 1..=5 {
        assert!(kubelets.ask(&mut line, Page::Resource).await.is_ok());
        assert_eq!(kubelet.connections(), round);
    }
}

#[tokio::test]
async fn a_kubelet_reached_again_goes_on_from_its_last_session() {
    let kubelet = kubelet(Behaviour::SendAndClose(http("200 OK", "", b"x 1\n"))).await;
    let kubelets = Kubelets::build(&kubelet.settings(), kubelet.access()).unwrap();
    let mut line = line(&kubelet.address);
    for round in 0..3 {
        assert!(kubelets.ask(&mut line, Page::Resource).await.is_ok());
        assert_eq!(kubelet.resumed(), round);
    }
}

#[tokio::test]
async fn a_session_is_no_way_around_another_name_or_another_trust() {
    let kubelet = kubelet(Behaviour::SendAndClose(http("200 OK", "", b"x 1\n"))).await;
    let other = self::kubelet(Behaviour::Hang).await;
    let kubelets = Kubelets::build(&kubelet.settings(), kubelet.access()).unwrap();
    let foreign = Kubelets::build(&kubelet.settings(), other.access()).unwrap();
    let mut line = line(&kubelet.address);
    assert!(kubelets.ask(&mut line, Page::Resource).await.is_ok());
    assert!(matches!(foreign.ask(&mut line, Page::Resource).await.unwrap_err(), Failure::Tls(_)));
    assert!(kubelets.ask(&mut line, Page::Resource).await.is_ok());
    line.addresses = vec![format!("localhost:{}", kubelet.address.port())];
    assert!(matches!(kubelets.ask(&mut line, Page::Resource).await.unwrap_err(), Failure::Tls(_)));
    assert_eq!(kubelet.resumed(), 0);
}

#[tokio::test]
async fn whom_we_do_not_believe_any_more_is_left_at_once() {
    let kubelet = kubelet(Behaviour::Send(http("200 OK", "", b"x 1\n"))).await;
    let other = self::kubelet(Behaviour::Hang).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let believe = |kubelet: &FakeKubelet| std::fs::write(file.path(), kubelet.authority_pem()).unwrap();
    believe(&kubelet);
    let mut settings = kubelet.settings();
    settings.tls.trust = KubeletTrust::File(file.path().to_owned());
    let kubelets = Kubelets::build(&settings, kubelet.access()).unwrap();
    let mut line = line(&kubelet.address);
    for _ in 0..2 {
        assert!(kubelets.ask(&mut line, Page::Resource).await.is_ok());
    }
    assert_eq!(kubelet.connections(), 1);
    believe(&other);
    kubelets.tls.reload().unwrap();
    assert!(matches!(kubelets.ask(&mut line, Page::Resource).await.unwrap_err(), Failure::Tls(_)));
    assert_eq!(kubelet.requests_for("/"), 2, "nothing more went over the old connection");
    believe(&kubelet);
    kubelets.tls.reload().unwrap();
    assert!(kubelets.ask(&mut line, Page::Resource).await.is_ok());
    assert_eq!(kubelet.resumed(), 0);
}

#[tokio::test]
async fn a_certificate_may_be_for_the_node_instead_of_its_address() {
    let kubelet = kubelet(Behaviour::Send(http("200 OK", "", b"x 1\n"))).await;
    let kubelets = Kubelets::build(&kubelet.settings(), kubelet.access()).unwrap();
    let address = format!("localhost:{}", kubelet.address.port());
    let failure = kubelets.ask(&mut line(&address), Page::Resource).await.unwrap_err();
    assert!(failure.to_string().contains("--kubelet-server-name=node"), "{failure}");
    let mut by_node = Line { server_name: Some("the-node".into()), ..line(&address) };
    assert!(kubelets.ask(&mut by_node, Page::Resource).await.is_ok());
    let mut by_other = Line { server_name: Some("another-node".into()), ..line(&address) };
    assert!(matches!(kubelets.ask(&mut by_other, Page::Resource).await.unwrap_err(), Failure::Tls(_)));
}
