//! TokenReview and SubjectAccessReview: what a server asks about those who ask it.

use axum::body::Body;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::sim::control_plane::access::{is_allowed, refusal};
use crate::sim::control_plane::accounts::{Accounts, User};
use crate::sim::control_plane::attributes::Attributes;
use crate::sim::control_plane::status::json_response;

/// Whose token is it?
pub(crate) fn token(accounts: &Accounts, mut review: Value) -> Response<Body> {
    let user = review.pointer("/spec/token").and_then(Value::as_str).and_then(|token| accounts.user(token));
    let status = match user {
        Some(user) => json!({
            "authenticated": true,
            "user": {"username": user.name, "uid": user.uid, "groups": user.groups},
            "audiences": ["https://kubernetes.default.svc"],
        }),
        None => json!({"authenticated": false, "user": {}}),
    };
    answer(&mut review, "TokenReview", "authentication.k8s.io/v1", status)
}

/// May this user do this?
pub(crate) fn access(mut review: Value) -> Response<Body> {
    let user = subject(&review);
    let wanted = attributes(&review);
    let allowed = is_allowed(&user, &wanted);
    let reason = if allowed { String::new() } else { refusal(&user, &wanted) };
    let status = json!({"allowed": allowed, "reason": reason});
    answer(&mut review, "SubjectAccessReview", "authorization.k8s.io/v1", status)
}

fn answer(review: &mut Value, kind: &str, api_version: &str, status: Value) -> Response<Body> {
    if let Some(fields) = review.as_object_mut() {
        fields.insert("kind".to_owned(), json!(kind));
        fields.insert("apiVersion".to_owned(), json!(api_version));
        fields.entry("metadata").or_insert_with(|| json!({}));
        fields.insert("status".to_owned(), status);
    }
    json_response(StatusCode::CREATED, review)
}

fn subject(review: &Value) -> User {
    let groups = review.pointer("/spec/groups").and_then(Value::as_array).into_iter().flatten();
    User {
        name: text(review, "/spec/user"),
        uid: text(review, "/spec/uid"),
        groups: groups.filter_map(Value::as_str).map(str::to_owned).collect(),
    }
}

fn attributes(review: &Value) -> Attributes {
    let is_resource = review.pointer("/spec/resourceAttributes").is_some_and(Value::is_object);
    if !is_resource {
        return Attributes {
            verb: text(review, "/spec/nonResourceAttributes/verb"),
            path: text(review, "/spec/nonResourceAttributes/path"),
            ..Attributes::default()
        };
    }
    let attribute = |name: &str| text(review, &format!("/spec/resourceAttributes/{name}"));
    Attributes {
        verb: attribute("verb"),
        path: String::new(),
        is_resource,
        group: attribute("group"),
        version: attribute("version"),
        namespace: attribute("namespace"),
        resource: attribute("resource"),
        name: attribute("name"),
        subresource: attribute("subresource"),
    }
}

fn text(review: &Value, pointer: &str) -> String {
    review.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::sim::control_plane::accounts::Account;

    async fn status(response: Response<Body>) -> Value {
        let body = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice::<Value>(&body).unwrap()["status"].clone()
    }

    #[tokio::test]
    async fn a_token_is_known_or_not() {
        let accounts = Accounts::generate();
        let known = json!({"spec": {"token": accounts.token(Account::Admin)}});
        assert_eq!(status(token(&accounts, known)).await["user"]["groups"][0], "system:masters");
        assert_eq!(status(token(&accounts, json!({"spec": {"token": "x"}}))).await["authenticated"], false);
        assert_eq!(status(token(&accounts, json!({"spec": 1}))).await["authenticated"], false);
    }

    #[tokio::test]
    async fn access_follows_the_roles() {
        let attributes = json!({"verb": "list", "group": "metrics.k8s.io", "resource": "pods"});
        let review = |groups: Value| json!({"spec": {"user": "u", "groups": groups, "resourceAttributes": attributes}});
        assert_eq!(status(access(review(json!(["demo:viewers"])))).await["allowed"], true);
        assert_eq!(status(access(review(json!([])))).await["allowed"], false);
        assert_eq!(status(access(json!({}))).await["allowed"], false);
    }
}
