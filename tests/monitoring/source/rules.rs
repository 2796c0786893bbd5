//! Rules for Prometheus: what is recorded, what alerts.

use serde::Serialize;

/// Rules that are evaluated one after the other.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Group {
    pub(crate) name: &'static str,
    pub(crate) rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Rule {
    /// A series made of others.
    Record { record: &'static str, expr: String },
    /// A state that somebody has to look into.
    Alert(Alert),
}

/// A state that somebody has to look into.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Alert {
    #[serde(rename = "alert")]
    pub(crate) name: &'static str,
    pub(crate) expr: String,
    #[serde(rename = "for")]
    pub(crate) lasting: String,
    pub(crate) labels: Labels,
    pub(crate) annotations: Annotations,
}

/// What an alert is routed by.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Labels {
    pub(crate) severity: Severity,
}

/// How soon to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// At three in the morning: users feel it.
    Critical,
    /// In working hours.
    Warning,
}

/// What whoever looks is told.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Annotations {
    pub(crate) summary: &'static str,
    pub(crate) description: &'static str,
    pub(crate) runbook_url: String,
}

#[derive(Serialize)]
struct File<'a> {
    groups: &'a [Group],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PrometheusRule<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    spec: File<'a>,
}

#[derive(Serialize)]
struct Metadata {
    name: &'static str,
    namespace: &'static str,
}

const MADE: &str = "# Made from tests/monitoring/source/alerts.rs by UPDATE_GOLDEN=1 cargo test --test it rules\n";

/// What Prometheus reads as a file of rules.
pub(crate) fn file(groups: &[Group]) -> String {
    MADE.to_owned() + &serde_saphyr::to_string(&File { groups }).unwrap()
}

/// The same as an object for the Prometheus Operator.
pub(crate) fn object(groups: &[Group]) -> String {
    let object = PrometheusRule {
        api_version: "monitoring.coreos.com/v1",
        kind: "PrometheusRule",
        metadata: Metadata { name: "kube-vitals", namespace: "custom-api" },
        spec: File { groups },
    };
    MADE.to_owned() + &serde_saphyr::to_string(&object).unwrap()
}

/// The same rules in a fraction of the time: every window and every `for` is divided by `divisor`, with
/// nothing else changed, so that a suite sees in seconds what takes minutes.
pub(crate) fn hastened(groups: &[Group], divisor: u32) -> Vec<Group> {
    let mut groups = groups.to_vec();
    for rule in groups.iter_mut().flat_map(|group| &mut group.rules) {
        match rule {
            Rule::Record { expr, .. } => *expr = with_shorter_windows(expr, divisor),
            Rule::Alert(alert) => {
                alert.expr = with_shorter_windows(&alert.expr, divisor);
                alert.lasting = shorter(&alert.lasting, divisor);
            }
        }
    }
    groups
}

/// All alerts of `groups`.
pub(crate) fn alerts(groups: &[Group]) -> impl Iterator<Item = &Alert> {
    groups.iter().flat_map(|group| &group.rules).filter_map(|rule| match rule {
        Rule::Alert(alert) => Some(alert),
        Rule::Record { .. } => None,
    })
}

/// All expressions of `groups`, with the name of their rule.
pub(crate) fn expressions(groups: &[Group]) -> impl Iterator<Item = (&'static str, &str)> {
    groups.iter().flat_map(|group| &group.rules).map(|rule| match rule {
        Rule::Record { record, expr } => (*record, expr.as_str()),
        Rule::Alert(alert) => (alert.name, alert.expr.as_str()),
    })
}

fn with_shorter_windows(expression: &str, divisor: u32) -> String {
    let mut parts = expression.split('[');
    let mut shorter_one = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (window, rest) = part.split_once(']').unwrap();
        shorter_one.extend(["[", &shorter(window, divisor), "]", rest]);
    }
    shorter_one
}

fn shorter(duration: &str, divisor: u32) -> String {
    let (number, unit) = duration.split_at(duration.len() - 1);
    let seconds = number.parse::<u32>().unwrap()
        * match unit {
            "m" => 60,
            "h" => 3600,
            other => panic!("{other:?} is no unit used here"),
        };
    format!("{}ms", seconds * 1000 / divisor)
}
