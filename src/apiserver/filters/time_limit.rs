//! How long an ordinary request may take: what the operator allows, or less where the client says so.

use std::time::Duration;

use crate::apiserver::status::Status;
use crate::go_duration;

/// The time for a request with this query, `longest` at most. Zero is no wish, as in
/// kube-apiserver; less than zero is over already.
///
/// # Errors
/// 400 when `timeout` is no duration.
pub(super) fn of(query: &str, longest: Duration) -> Result<Duration, Status> {
    let wish = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "timeout").map(|(_, value)| value);
    let Some(wish) = wish.filter(|wish| !wish.is_empty()) else { return Ok(longest) };
    let seconds = go_duration::seconds(&wish).map_err(|fault| {
        Status::bad_request(format!("invalid timeout specified in the request URL - time: {fault}"))
    })?;
    if seconds == 0.0 {
        return Ok(longest);
    }
    Ok(Duration::try_from_secs_f64(seconds.max(0.0)).map_or(longest, |wish| wish.min(longest)))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use http_body_util::BodyExt as _;

    use super::*;

    const LONGEST: Duration = Duration::from_mins(1);

    #[test]
    fn a_client_may_wish_for_less_time_and_never_for_more() {
        for (query, millis) in [
            ("", 60_000),
            ("timeout=", 60_000),
            ("timeout=0", 60_000),
            ("timeout=0s", 60_000),
            ("timeout=-0", 60_000),
            ("timeout=32s", 32_000),
            ("timeout=%2B1.5s&timeout=2s", 1_500),
            ("limit=5&timeout=.5s250ms", 750),
            ("timeout=250%C2%B5s", 0),
            ("timeout=1h1m", 60_000),
            ("timeout=-1s", 0),
            ("timeoutSeconds=5", 60_000),
        ] {
            assert_eq!(of(query, LONGEST).unwrap().as_millis(), millis, "{query}");
        }
    }

    #[tokio::test]
    async fn a_wish_that_is_no_duration_is_a_bad_request_in_gos_words() {
        for (timeout, fault) in [
            ("abc", r#"invalid duration \"abc\""#),
            ("-", r#"invalid duration \"-\""#),
            ("1..5s", r#"invalid duration \"1..5s\""#),
            (".s", r#"invalid duration \".s\""#),
            ("5", r#"missing unit in duration \"5\""#),
            ("5s3", r#"missing unit in duration \"5s3\""#),
            ("5x", r#"unknown unit \"x\" in duration \"5x\""#),
            ("5s s", r#"unknown unit \"s s\" in duration \"5s s\""#),
            ("9999999h", r#"invalid duration \"9999999h\""#),
            ("1e999s", r#"unknown unit \"e\" in duration \"1e999s\""#),
        ] {
            let refused = of(&format!("timeout={timeout}"), LONGEST).unwrap_err().into_response();
            assert_eq!(refused.status(), 400, "{timeout}");
            let body = refused.into_body().collect().await.unwrap().to_bytes();
            let body = String::from_utf8(body.to_vec()).unwrap();
            let message = format!("\"invalid timeout specified in the request URL - time: {fault}\"");
            assert!(body.contains(&message), "{timeout}: {body}");
        }
    }
}
