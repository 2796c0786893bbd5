//! Long heads.

use http::{HeaderMap, HeaderName};

use super::*;

#[tokio::test]
async fn a_head_may_be_as_long_as_that_of_a_user_in_many_groups() {
    let port = Port::open(10);
    let long = |count: usize, length: usize| {
        let mut request = request("/peer");
        for _ in 0..count {
            request.headers_mut().append("x-remote-group", "g".repeat(length).parse().unwrap());
        }
        request
    };
    let mut http2 = port.http2(Some(&front_proxy())).await;
    assert_eq!(http2.send_request(long(800, 500)).await.unwrap().status(), StatusCode::OK);
    let mut http1 = port.http1(Some(&front_proxy())).await;
    assert_eq!(http1.send_request(long(800, 500)).await.unwrap().status(), StatusCode::OK);
    assert_eq!(http1.send_request(long(2000, 10)).await.unwrap().status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let over_the_limit = http2.send_request(long(800, 2000)).await;
    assert!(over_the_limit.is_err() || over_the_limit.unwrap().status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}

#[tokio::test]
async fn five_hundred_groups_and_64_kib_of_extras_arrive_whole() {
    let told = |headers: HeaderMap| async move {
        let groups = headers.get_all("x-remote-group").iter().count();
        let extras = headers.iter().filter(|(name, _)| name.as_str().starts_with("x-remote-extra-"));
        format!("{groups} {}", extras.map(|(_, value)| value.len()).sum::<usize>())
    };
    let port = Port::serving(Router::new().route("/told", get(told)), 10);
    let user = || {
        let mut request = request("/told");
        for group in 0..500 {
            request.headers_mut().append("x-remote-group", format!("team-{group}").parse().unwrap());
        }
        for key in 0..64 {
            let name = format!("x-remote-extra-scope{key}").parse::<HeaderName>().unwrap();
            request.headers_mut().append(name, "s".repeat(1 << 10).parse().unwrap());
        }
        request
    };
    assert_eq!(text(port.http1(Some(&front_proxy())).await.send_request(user()).await.unwrap()).await, "500 65536");
    assert_eq!(text(port.http2(Some(&front_proxy())).await.send_request(user()).await.unwrap()).await, "500 65536");
}

#[tokio::test]
async fn a_head_of_a_direct_caller_may_be_as_long_as_a_token_needs() {
    let port = Port::open(10);
    for (kib, fits) in [(48, true), (128, false)] {
        let request = || {
            let mut request = request("/peer");
            request.headers_mut().insert("authorization", "t".repeat(kib << 10).parse().unwrap());
            request
        };
        let (http1, http2) = (
            port.http1(None).await.send_request(request()).await,
            port.http2(None).await.send_request(request()).await,
        );
        for answer in [http1, http2] {
            let code = answer.map_or(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, |answer| answer.status());
            assert_eq!(
                code,
                if fits { StatusCode::OK } else { StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE },
                "{kib} KiB"
            );
        }
    }
}

#[tokio::test]
async fn a_head_over_every_limit_is_refused_and_never_hangs() {
    let port = Port::open(10);
    let many = |count: usize, length: usize| {
        let mut request = request("/peer");
        for n in 0..count {
            let name = format!("x-remote-extra-{n}").parse::<HeaderName>().unwrap();
            request.headers_mut().append(name, "s".repeat(length).parse().unwrap());
        }
        request
    };
    for (count, length) in [(1, 2 << 20), (20_000, 200), (20_000, 1)] {
        let ends = async {
            let http1 = port.http1(Some(&front_proxy())).await.send_request(many(count, length)).await;
            // As an answer, or cut off while it is still sending.
            assert!(http1.is_err() || http1.unwrap().status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
            let http2 = port.http2(Some(&front_proxy())).await.send_request(many(count, length)).await;
            assert!(http2.is_err() || http2.unwrap().status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        };
        tokio::time::timeout(Duration::from_secs(20), ends).await.expect("an end in time");
    }
    assert_eq!(
        port.http2(Some(&front_proxy())).await.send_request(request("/peer")).await.unwrap().status(),
        StatusCode::OK
    );
}
