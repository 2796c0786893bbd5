//! Whoever meets a reason finds out what to do about it.

use crate::repository;

#[test]
fn every_reason_is_explained() {
    let explained = repository::read("docs/known-issues.md");
    let reasons = reasons();
    assert!(reasons.iter().any(|reason| reason == "CertificateRefused"));
    for reason in reasons {
        assert!(explained.contains(&format!("`{reason}`")), "docs/known-issues.md does not explain {reason}");
    }
}

/// Every word that a `reason` function of the source can answer. Those that no list ever shows as
/// missing need no advice.
fn reasons() -> Vec<String> {
    const EXPECTED: [&str; 3] = ["Finished", "NotScheduled", "NodeNotServed"];
    let mut reasons = Vec::new();
    for (_, text) in repository::files("src", "rs") {
        for function in text.split("fn reason(&self) -> &'static str {").skip(1) {
            let body = function.split("\n    }").next().unwrap_or_default();
            let words = body.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next());
            reasons.extend(words.filter(|word| !EXPECTED.contains(word)).map(str::to_owned));
        }
    }
    reasons
}
