//! `/livez`, `/readyz`, `/healthz`: in the form that kubelets and operators know.
//!
//! Alive is who still goes round; ready is who has what it takes to answer. Trouble upstream fails
//! neither: an API server away must not take the whole API group down; `/readyz?verbose` warns of
//! it. Reasons are withheld from the collected answer, which anybody may read, and told in the log,
//! in `/readyz/CHECK` (which has to be allowed), and in our group's own `healthz`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};

use crate::apiserver::status::Status;
use crate::readiness::{Check, Heartbeat, Readiness};

/// The scrape loop beats every second; one that is silent for so long is stuck for good.
const OLDEST_HEARTBEAT: Duration = Duration::from_secs(30);

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Whether to restart us.
    Livez,
    /// Whether to send us requests.
    Readyz,
    /// The older name of the first.
    Healthz,
}

impl Probe {
    const fn name(self) -> &'static str {
        match self {
            Self::Livez => "livez",
            Self::Readyz => "readyz",
            Self::Healthz => "healthz",
        }
    }

    /// The checks behind it.
    pub(crate) fn checks(self, readiness: &Readiness, heartbeat: &Heartbeat) -> Vec<Check> {
        let mut checks = vec![Check { name: "ping", failure: None }];
        match self {
            Self::Readyz => checks.extend(readiness.checks()),
            Self::Livez | Self::Healthz => {
                let age = heartbeat.age();
                let failure = (age > OLDEST_HEARTBEAT).then(|| format!("no scrape was begun for {} s", age.as_secs()));
                checks.push(Check { name: "metric-collection-timely", failure });
            }
        }
        checks
    }

    /// What else there is to know: it fails nothing.
    pub(crate) fn notices(self, readiness: &Readiness) -> Vec<&'static str> {
        if self == Self::Readyz { readiness.notices() } else { Vec::new() }
    }

    /// `/livez` and its like, with `?verbose` and `?exclude=CHECK`.
    pub(crate) fn answer(self, checks: &[Check], notices: &[&str], query: &str) -> Response {
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        let is_excluded = |check: &Check| pairs.iter().any(|(key, value)| key == "exclude" && value == check.name);
        let failing: Vec<_> =
            checks.iter().filter(|check| check.failure.is_some() && !is_excluded(check)).map(reason).collect();
        if failing.is_empty() && !pairs.iter().any(|(key, _)| key == "verbose") {
            return text(StatusCode::OK, "ok".to_owned());
        }
        let mut lines = String::new();
        for check in checks {
            lines.push_str(&line(check, is_excluded(check)));
        }
        let unknown = pairs.iter().filter(|(key, name)| key == "exclude" && checks.iter().all(|c| c.name != name));
        let unknown: BTreeSet<_> = unknown.map(|(_, name)| format!("{name:?}")).collect();
        if !unknown.is_empty() {
            let names = unknown.into_iter().collect::<Vec<_>>().join(",");
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(lines, "warn: some health checks cannot be excluded: no matches for {names}");
        }
        for notice in notices {
            let _ = writeln!(lines, "warn: {notice}");
        }
        if failing.is_empty() {
            let _ = writeln!(lines, "{} check passed", self.name());
            return text(StatusCode::OK, lines);
        }
        tracing::info!(probe = self.name(), failing = failing.join("; "), "not healthy");
        let _ = writeln!(lines, "{} check failed", self.name());
        text(StatusCode::INTERNAL_SERVER_ERROR, lines)
    }
}

/// `/livez/CHECK` and its like.
pub(crate) fn answer_one(checks: &[Check], name: &str) -> Result<Response, Status> {
    let check = checks.iter().find(|check| check.name == name).ok_or_else(Status::path_not_found)?;
    Ok(match &check.failure {
        None => text(StatusCode::OK, "ok".to_owned()),
        Some(failure) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("internal server error: {failure}\n")),
    })
}

/// `healthz` of our own group: part of the API, so JSON and, where it is not well, a `Status`.
pub(crate) fn answer_own_group(readiness: &Readiness) -> Result<Response, Status> {
    if readiness.is_ready() {
        let body = r#"{"text":"Custom API Server is healthy!"}"#;
        return Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response());
    }
    let failing: Vec<_> = readiness.checks().iter().filter(|check| check.failure.is_some()).map(reason).collect();
    Err(Status::unavailable(format!("Custom API Server is not healthy: {}", failing.join("; "))))
}

fn line(check: &Check, excluded: bool) -> String {
    match check {
        _ if excluded => format!("[+]{} excluded: ok\n", check.name),
        Check { name, failure: None } => format!("[+]{name} ok\n"),
        Check { name, failure: Some(_) } => format!("[-]{name} failed: reason withheld\n"),
    }
}

fn reason(check: &Check) -> String {
    format!("{}: {}", check.name, check.failure.as_deref().unwrap_or_default())
}

fn text(code: StatusCode, body: String) -> Response {
    (code, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], body).into_response()
}
