//! When somebody has to look, and what is recorded for that.
//!
//! Each alert has a page in `docs/runbooks`, a case that fires and one that stays silent in
//! `tests/rules`, and a fault that fires it in the suite beside this.

use super::rules::{Alert, Annotations, Group, Labels, Rule, Severity};

/// Where the pages are; `deploy/monitoring/README.md` tells how to point it elsewhere.
const RUNBOOKS: &str = "https://example.com/kube-vitals/docs/runbooks";

/// All rules.
pub(crate) fn groups() -> Vec<Group> {
    vec![
        Group { name: "kube-vitals.records", rules: records() },
        Group { name: "kube-vitals.availability", rules: availability() },
        Group { name: "kube-vitals.usage", rules: usage() },
        Group { name: "kube-vitals.surroundings", rules: surroundings() },
        Group { name: "kube-vitals.outgoing", rules: outgoing() },
    ]
}

fn records() -> Vec<Rule> {
    vec![
        errors("job:kube_vitals_request_errors:ratio_rate5m", "5m"),
        errors("job:kube_vitals_request_errors:ratio_rate30m", "30m"),
        errors("job:kube_vitals_request_errors:ratio_rate1h", "1h"),
        errors("job:kube_vitals_request_errors:ratio_rate6h", "6h"),
        Rule::Record {
            record: "job:kube_vitals_request_duration_seconds:p99_rate5m",
            expr: r#"histogram_quantile(0.99, sum by (cluster, job, le) (rate(kube_vitals_request_duration_seconds_bucket{verb=~"get|list", resource!=""}[5m])))"#.to_owned(),
        },
        Rule::Record {
            record: "instance:kube_vitals_fresh_nodes:ratio",
            expr: r#"sum by (cluster, job, instance) (kube_vitals_objects{resource="nodes", state="fresh"}) / (sum by (cluster, job, instance) (kube_vitals_objects{resource="nodes"}) > 0)"#.to_owned(),
        },
        Rule::Record {
            record: "instance:kube_vitals_missing_pods:ratio",
            expr: r#"sum by (cluster, job, instance) (kube_vitals_missing_objects{resource="pods", reason!~"NotStarted|NotRunning|NotScrapedYet"}) / (sum by (cluster, job, instance) (kube_vitals_objects{resource="pods"}) > 0)"#.to_owned(),
        },
    ]
}

/// The share of requests that were answered with an error of ours.
fn errors(record: &'static str, window: &str) -> Rule {
    let rate = |matchers: &str| format!("sum by (cluster, job) (rate(kube_vitals_requests_total{matchers}[{window}]))");
    let (failed, all) = (rate(r#"{code=~"5.."}"#), rate(""));
    Rule::Record { record, expr: format!("({failed} or 0 * {all}) / ({all} > 0)") }
}

/// An alert by all that tells it from others; its page is named after it.
fn alert(
    (name, severity): (&'static str, Severity),
    lasting: &str,
    expr: &str,
    summary: &'static str,
    description: &'static str,
) -> Rule {
    let (expr, lasting) = (expr.to_owned(), lasting.to_owned());
    let annotations = Annotations { summary, description, runbook_url: format!("{RUNBOOKS}/{name}.md") };
    Rule::Alert(Alert { name, expr, lasting, labels: Labels { severity }, annotations })
}

fn availability() -> Vec<Rule> {
    vec![
        alert(
            ("KubeVitalsDown", Severity::Critical),
            "5m",
            r#"absent(up{job="kube-vitals"} == 1)"#,
            "No replica of kube-vitals answers.",
            "kubectl top, HPA and VPA get no metrics: Prometheus reaches no process of the job kube-vitals.",
        ),
        alert(
            ("KubeVitalsReplicaDown", Severity::Warning),
            "10m",
            r#"up{job="kube-vitals"} == 0"#,
            "A replica of kube-vitals does not answer.",
            "Prometheus cannot read the metrics of {{ $labels.instance }}.",
        ),
        alert(
            ("KubeVitalsErrorsFast", Severity::Critical),
            "2m",
            "job:kube_vitals_request_errors:ratio_rate5m > 14.4 * 0.001 and job:kube_vitals_request_errors:ratio_rate1h > 14.4 * 0.001",
            "Many requests fail: the error budget of a month is used up in two days.",
            "{{ $value | humanizePercentage }} of all requests are answered with an error of ours (5xx).",
        ),
        alert(
            ("KubeVitalsErrorsSlow", Severity::Warning),
            "15m",
            "job:kube_vitals_request_errors:ratio_rate30m > 6 * 0.001 and job:kube_vitals_request_errors:ratio_rate6h > 6 * 0.001",
            "Some requests fail: the error budget of a month is used up in five days.",
            "{{ $value | humanizePercentage }} of all requests are answered with an error of ours (5xx).",
        ),
        alert(
            ("KubeVitalsSlow", Severity::Warning),
            "10m",
            "job:kube_vitals_request_duration_seconds:p99_rate5m > 1",
            "Answers take long.",
            "One in a hundred requests for usage takes longer than {{ $value | humanizeDuration }}.",
        ),
        alert(
            ("KubeVitalsRequestsRefused", Severity::Warning),
            "5m",
            "sum by (cluster, job, limit) (rate(kube_vitals_requests_shed_total[5m])) > 0",
            "Requests are refused because too many are in flight.",
            "{{ $value | humanize }} requests a second are answered 429 by the limit of {{ $labels.limit }}.",
        ),
    ]
}

fn usage() -> Vec<Rule> {
    vec![
        alert(
            ("KubeVitalsNodesNotFresh", Severity::Critical),
            "5m",
            "instance:kube_vitals_fresh_nodes:ratio < 0.8",
            "Usage of many nodes is old or missing.",
            "{{ $labels.instance }} has fresh usage of only {{ $value | humanizePercentage }} of all nodes.",
        ),
        alert(
            ("KubeVitalsNodesFailing", Severity::Warning),
            "15m",
            r#"max by (cluster, job) (kube_vitals_nodes{state="failing"}) > 0"#,
            "Nodes cannot be scraped.",
            "Scrapes of {{ $value }} nodes fail; kubectl get nodescrapes tells which and why.",
        ),
        alert(
            ("KubeVitalsPodsMissing", Severity::Warning),
            "10m",
            "instance:kube_vitals_missing_pods:ratio > 0.05",
            "Usage of running pods is missing.",
            "{{ $labels.instance }} has no usage of {{ $value | humanizePercentage }} of the pods.",
        ),
        alert(
            ("KubeVitalsScrapesLate", Severity::Warning),
            "10m",
            "histogram_quantile(0.99, sum by (cluster, job, instance, le) (rate(kube_vitals_scrape_delay_seconds_bucket[5m]))) > 1",
            "Scrapes begin late.",
            "{{ $labels.instance }} begins one scrape in a hundred more than {{ $value | humanizeDuration }} late.",
        ),
    ]
}

fn surroundings() -> Vec<Rule> {
    vec![
        alert(
            ("KubeVitalsWatchLost", Severity::Warning),
            "5m",
            "min by (cluster, job, instance, resource) (kube_vitals_cluster_watch_up) == 0",
            "Changes of the cluster do not arrive.",
            "{{ $labels.instance }} gets no news of {{ $labels.resource }} from the API server; it serves what it knew last.",
        ),
        alert(
            ("KubeVitalsReviewsFailing", Severity::Critical),
            "5m",
            "sum by (cluster, job) (rate(kube_vitals_token_review_errors_total[5m]) + rate(kube_vitals_access_review_errors_total[5m])) > 0",
            "Callers cannot be authenticated or authorized.",
            "{{ $value | humanize }} reviews a second get no verdict from the API server; who waits for one gets 500.",
        ),
        alert(
            ("KubeVitalsCertificateEnding", Severity::Warning),
            "1h",
            r#"min by (cluster, job, certificate) ({__name__=~"kube_vitals(_kubelet_(client|authority))?_certificate_expiration_timestamp_seconds"}) - time() < 7 * 86400"#,
            "A certificate ends within a week.",
            "The certificate {{ $labels.certificate }} ends in {{ $value | humanizeDuration }}.",
        ),
        alert(
            ("KubeVitalsHandshakesFailing", Severity::Warning),
            "15m",
            "sum by (cluster, job, instance, reason) (rate(kube_vitals_tls_handshake_failures_total[5m])) > 0.1",
            "Clients break off TLS handshakes.",
            "{{ $value | humanize }} handshakes a second with {{ $labels.instance }} fail ({{ $labels.reason }}).",
        ),
    ]
}

/// What is sent to others, of which no answer depends.
fn outgoing() -> Vec<Rule> {
    vec![
        alert(
            ("KubeVitalsExportDropping", Severity::Warning),
            "10m",
            "sum by (cluster, job, instance, target, reason) (rate(kube_vitals_export_dropped_samples_total[15m])) > 0",
            "Usage does not reach a store.",
            "{{ $value | humanize }} samples a second for {{ $labels.target }} are dropped ({{ $labels.reason }}).",
        ),
        alert(
            ("KubeVitalsSpansDropping", Severity::Warning),
            "15m",
            "sum by (cluster, job, instance, reason) (rate(kube_vitals_spans_dropped_total[15m])) > 0",
            "Traces do not reach the collector.",
            "{{ $value | humanize }} spans a second are dropped ({{ $labels.reason }}).",
        ),
    ]
}
