//! Whether all is well, at a glance.

use crate::source::dashboard::{Dashboard, Row, Variable};
use crate::source::panel::{
    Kind::{Lines, Stack, Stat},
    Panel,
    Unit::{Bytes, Cores, Count, PerSecond, Seconds, Share},
};

/// In seconds.
const DAY: f64 = 86_400.0;
const WEEK: f64 = 7.0 * DAY;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "overview",
        title: "kube-vitals / Overview",
        description: "Whether the metrics API is up, answers, and serves fresh usage of all nodes and pods.",
        variables: Variable::of_processes(),
        rows: vec![
            Row { title: "At a glance", panels: at_a_glance() },
            Row { title: "What is served", panels: served() },
            Row { title: "Answers", panels: answers() },
            Row { title: "The process", panels: process() },
        ],
    }
}

fn at_a_glance() -> Vec<Panel> {
    vec![
        Panel::new(Stat, "Replicas", Count, "Processes that answer Prometheus.")
            .query("sum(up{@})", "replicas")
            .bad_below(2.0, 1.0),
        Panel::new(
            Stat,
            "Availability",
            Share,
            "Share of requests, over the time shown, that were not answered with an error of ours (5xx). The \
             objective is 99.9 %.",
        )
        .query(
            r#"1 - (sum(increase(kube_vitals_requests_total{@, code=~"5.."}[$__range])) or vector(0)) / sum(increase(kube_vitals_requests_total{@}[$__range]))"#,
            "availability",
        )
        .bad_below(0.999, 0.99),
        Panel::new(Stat, "Fresh nodes", Share, "Nodes whose usage is from a good scrape younger than two resolutions.")
            .query(
                r#"min(sum by (instance) (kube_vitals_objects{@, resource="nodes", state="fresh"}) / sum by (instance) (kube_vitals_objects{@, resource="nodes"}))"#,
                "nodes",
            )
            .bad_below(0.95, 0.8),
        Panel::new(Stat, "Pods served whole", Share, "Pods that HPA and kubectl top see, of those that should have usage.")
            .query(
                r#"min(sum by (instance) (kube_vitals_objects{@, resource="pods", state=~"fresh|stale"}) / sum by (instance) (kube_vitals_objects{@, resource="pods"}))"#,
                "pods",
            )
            .bad_below(0.95, 0.8),
        Panel::new(
            Stat,
            "Oldest sample",
            Seconds,
            "Age of the oldest sample served. On a healthy cluster up to one resolution and what the kubelet's own \
             reading is old; at --max-sample-age it is left out.",
        )
        .query("max(kube_vitals_oldest_sample_age_seconds{@})", "age")
        .bad_above(60.0, 110.0),
        Panel::new(Stat, "Next certificate ends in", Seconds, "Time until the first of the certificates we depend on ends.")
            .query("min(kube_vitals_certificate_expiration_timestamp_seconds{@}) - time()", "left")
            .bad_below(WEEK, DAY),
    ]
}

fn served() -> Vec<Panel> {
    vec![
        Panel::new(Stack, "Pods by how they are served", Count, "Of one replica, since all watch the same cluster.")
            .query(r#"max by (state) (kube_vitals_objects{@, resource="pods"})"#, "{{state}}"),
        Panel::new(Stack, "Nodes by how they are served", Count, "Of one replica, since all watch the same cluster.")
            .query(r#"max by (state) (kube_vitals_objects{@, resource="nodes"})"#, "{{state}}"),
        Panel::new(
            Lines,
            "Why usage is missing",
            Count,
            "Nodes and pods without usage, by the reason that `nodescrapes` and `missing` in our lists tell.",
        )
        .query("max by (resource, reason) (kube_vitals_missing_objects{@})", "{{resource}}: {{reason}}"),
        Panel::new(Lines, "Objects in the cluster", Count, "Nodes and pods as the API server told us.")
            .query("max by (resource) (kube_vitals_cluster_objects{@})", "{{resource}}"),
    ]
}

fn answers() -> Vec<Panel> {
    vec![
        Panel::new(Lines, "Requests by code", PerSecond, "Answers per second; 499: the client left first.")
            .query("sum by (code) (rate(kube_vitals_requests_total{@}[$__rate_interval]))", "{{code}}"),
        Panel::new(
            Lines,
            "Time to answer, 99th percentile",
            Seconds,
            "From a request's arrival to the last byte of its answer, watches apart.",
        )
        .query(
            r#"histogram_quantile(0.99, sum by (le, verb, resource) (rate(kube_vitals_request_duration_seconds_bucket{@, verb=~"get|list", resource!=""}[$__rate_interval])))"#,
            "{{verb}} {{resource}}",
        )
        .bad_above(0.5, 1.0),
        Panel::new(Lines, "Requests in flight", Count, "Requests for resources being answered, and watches open.")
            .query("sum(kube_vitals_requests_in_flight{@})", "requests")
            .query("sum(kube_vitals_watches_open{@})", "watches"),
        Panel::new(Lines, "Requests refused", PerSecond, "Answered 429 because too many were in flight, by limit.")
            .query("sum by (limit) (rate(kube_vitals_requests_shed_total{@}[$__rate_interval]))", "{{limit}}"),
    ]
}

fn process() -> Vec<Panel> {
    vec![
        Panel::new(Lines, "CPU", Cores, "CPU used by each process.")
            .query("sum by (instance) (rate(process_cpu_seconds_total{@}[$__rate_interval]))", "{{instance}}")
            .width(8),
        Panel::new(Lines, "Memory", Bytes, "Resident memory of each process.")
            .query("sum by (instance) (process_resident_memory_bytes{@})", "{{instance}}")
            .width(8),
        Panel::new(
            Lines,
            "Open files",
            Share,
            "File descriptors in use, of those the system allows: connections, mostly.",
        )
        .query("max by (instance) (process_open_fds{@} / process_max_fds{@})", "{{instance}}")
        .bad_above(0.8, 0.95)
        .width(8),
        Panel::new(
            Lines,
            "Memory, of the limit",
            Share,
            "What counts against the container's limit, or --memory-limit; nothing where there is none. From 70% on \
             less is kept, from 80% on long lists and new watches are refused.",
        )
        .query(
            "max by (instance) (kube_vitals_memory_used_bytes{@} / kube_vitals_memory_limit_bytes{@})",
            "{{instance}}",
        )
        .bad_above(0.7, 0.8),
        Panel::new(
            Lines,
            "Memory pressure",
            Count,
            "What is given up for want of memory: 1 what is kept for clients to go on from, 2 long lists and watches.",
        )
        .query("max by (instance) (kube_vitals_memory_pressure{@})", "{{instance}}"),
        Panel::new(Lines, "Up since", Seconds, "How long each process has run; a fall is a restart.")
            .query("time() - max by (instance) (process_start_time_seconds{@})", "{{instance}}"),
        Panel::new(Lines, "Versions", Count, "Processes by version.")
            .query("count by (version) (kube_vitals_build_info{@})", "{{version}}"),
    ]
}
