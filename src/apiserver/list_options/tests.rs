use std::sync::Arc;

use axum::response::IntoResponse as _;
use http_body_util::BodyExt as _;

use super::*;

fn labels() -> Labels {
    Labels::new([(Arc::from("app"), Arc::from("web"))])
}

fn selects(query: &str) -> bool {
    ListOptions::parse(query).unwrap().select("shop", "web-1", &labels())
}

async fn refusal(query: &str) -> (u16, String) {
    let response = ListOptions::parse(query).unwrap_err().into_response();
    let code = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let status: serde_json::Value = serde_json::from_slice(&body).unwrap();
    (code, status["message"].as_str().unwrap().to_owned())
}

#[test]
fn selectors_pick_by_labels_and_fields_together() {
    for query in [
        "",
        "labelSelector=app%3Dweb",
        "fieldSelector=metadata.name%3Dweb-1",
        "fieldSelector=metadata.name==web-1,metadata.namespace=shop&labelSelector=app",
        "fieldSelector=metadata.namespace!=other,",
        "fieldSelector=metadata.name!%3Da%5C%2Cb",
    ] {
        assert!(selects(query), "{query}");
    }
    for query in [
        "labelSelector=app!=web",
        "fieldSelector=metadata.name=web-2",
        "fieldSelector=metadata.name=web-1,metadata.namespace=other",
        "fieldSelector=metadata.name=",
        "fieldSelector=metadata.name=web-1&labelSelector=!app",
    ] {
        assert!(!selects(query), "{query}");
    }
}

#[test]
fn options_of_servers_with_a_history_are_accepted() {
    let query = "limit=500&resourceVersion=0&resourceVersionMatch=NotOlderThan&timeoutSeconds=30&timeout=5s\
                 &allowWatchBookmarks=true&watch=false&pretty=false&whatever=%zz";
    assert_eq!(ListOptions::parse(query), Ok(ListOptions::default()));
}

#[test]
fn only_0_and_false_are_false() {
    for (query, pretty) in
        [("pretty=true", true), ("pretty", true), ("pretty=0", false), ("pretty=FALSE", false), ("", false)]
    {
        assert_eq!(is_pretty(query), pretty, "{query}");
    }
}

#[tokio::test]
async fn bad_options_are_refused_in_the_words_that_clients_know() {
    let cases = [
        ("limit=many", 400, "strconv.ParseInt: parsing \"many\": invalid syntax"),
        (
            "timeoutSeconds=99999999999999999999",
            400,
            "strconv.ParseInt: parsing \"99999999999999999999\": value out of range",
        ),
        ("fieldSelector=metadata.name", 400, "invalid selector: 'metadata.name'; can't understand 'metadata.name'"),
        ("fieldSelector=a!b", 400, "invalid selector: 'a!b'; can't understand 'a!b'"),
        (
            "fieldSelector=spec.nodeName=n",
            400,
            "\"spec.nodeName\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
        ),
        ("fieldSelector=metadata.name=a=b", 400, "invalid field selector: unescaped character in value: ="),
        ("fieldSelector=metadata.name=a%5Cb", 400, "invalid field selector: invalid escape sequence: \\b"),
        ("fieldSelector=metadata.name=a%5C", 400, "invalid field selector: invalid escape sequence: \\"),
        ("continue=abc", 400, "continue key is not valid: lists of this server are never continued"),
        (
            "sendInitialEvents=true",
            422,
            "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list",
        ),
        (
            "resourceVersionMatch=Exact",
            422,
            "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden \
             unless resourceVersion is provided",
        ),
        (
            "resourceVersion=0&resourceVersionMatch=Exact",
            422,
            "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch \"exact\" is \
             forbidden for resourceVersion \"0\"",
        ),
    ];
    for (query, code, message) in cases {
        assert_eq!(refusal(query).await, (code, message.to_owned()), "{query}");
    }
    let (code, message) = refusal("labelSelector=a%20in").await;
    assert_eq!(code, 400);
    assert!(message.starts_with("unable to parse requirement: "), "{message}");
}
