//! How kubelets are asked, and what they answer.

use crate::source::dashboard::{Dashboard, Row, Variable};
use crate::source::panel::{
    Kind::{Heatmap, Lines, Stack},
    Panel,
    Unit::{BytesPerSecond, Count, PerSecond, Seconds},
};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "scraping",
        title: "kube-vitals / Scraping",
        description: "How kubelets are asked and what they answer. Which node it is tells the API: kubectl get nodescrapes.",
        variables: Variable::of_processes(),
        rows: vec![
            Row { title: "Outcomes", panels: outcomes() },
            Row { title: "Time", panels: time() },
            Row { title: "What comes", panels: contents() },
        ],
    }
}

fn outcomes() -> Vec<Panel> {
    vec![
        Panel::new(Stack, "Nodes by last scrape", Count, "Nodes not asked yet, well, and failing; summed over replicas.")
            .query("sum by (state) (kube_vitals_nodes{@})", "{{state}}"),
        Panel::new(Lines, "Failed scrapes", PerSecond, "Scrapes that failed, by reason. A failing node is asked ever more rarely.")
            .query(
                r#"sum by (outcome) (rate(kube_vitals_scrapes_total{@, outcome!="Success"}[$__rate_interval])) > 0 or sum(rate(kube_vitals_scrapes_total{@, outcome!="Success"}[$__rate_interval]))"#,
                "{{outcome}}",
            ),
        Panel::new(Lines, "Scrapes", PerSecond, "Good and failed scrapes.")
            .query(r#"sum(rate(kube_vitals_scrapes_total{@, outcome="Success"}[$__rate_interval]))"#, "good")
            .query(r#"sum(rate(kube_vitals_scrapes_total{@, outcome!="Success"}[$__rate_interval]))"#, "failed"),
        Panel::new(
            Lines,
            "Requests for the kubelets' own rates",
            PerSecond,
            "Asked where a container is new and has no rate yet, by outcome.",
        )
        .query(
            r#"sum(rate(kube_vitals_summaries_total{@, outcome="Success"}[$__rate_interval]))"#,
            "good",
        )
        .query(r#"sum(rate(kube_vitals_summaries_total{@, outcome!="Success"}[$__rate_interval]))"#, "failed"),
    ]
}

fn time() -> Vec<Panel> {
    vec![
        Panel::new(Heatmap, "Duration of scrapes", Seconds, "Connection to last byte; buckets carry exemplars of sampled traces.")
            .query("sum by (le) (increase(kube_vitals_scrape_duration_seconds_bucket{@}[$__rate_interval]))", "{{le}}"),
        Panel::new(Lines, "Duration, percentiles", Seconds, "Half of the scrapes are faster than the first line, one in a hundred slower than the second.")
            .query("histogram_quantile(0.5, sum by (le) (rate(kube_vitals_scrape_duration_seconds_bucket{@}[$__rate_interval])))", "50th")
            .query("histogram_quantile(0.99, sum by (le) (rate(kube_vitals_scrape_duration_seconds_bucket{@}[$__rate_interval])))", "99th"),
        Panel::new(
            Lines,
            "Lateness, 99th percentile",
            Seconds,
            "How much later than planned scrapes begin. More than a moment means that --kubelet-requests-in-flight is too \
             low for the kubelets' pace.",
        )
        .query("histogram_quantile(0.99, sum by (le, instance) (rate(kube_vitals_scrape_delay_seconds_bucket{@}[$__rate_interval])))", "{{instance}}")
        .bad_above(1.0, 5.0),
        Panel::new(Lines, "Scrapes under way", Count, "Nodes being asked at the same time.")
            .query("sum by (instance) (kube_vitals_scrapes_in_flight{@})", "{{instance}}"),
    ]
}

fn contents() -> Vec<Panel> {
    vec![
        Panel::new(Lines, "Bytes from kubelets", BytesPerSecond, "Bodies received.")
            .query("sum by (instance) (rate(kube_vitals_scrape_body_bytes_total{@}[$__rate_interval]))", "{{instance}}"),
        Panel::new(
            Lines,
            "What was left out",
            PerSecond,
            "Lines that could not be read, samples older than those we have, containers of pods that the API server does \
             not know on the node. And how often a node's clock was set, after which its CPU rates begin anew.",
        )
        .query("sum(rate(kube_vitals_rejected_lines_total{@}[$__rate_interval]))", "lines")
        .query("sum(rate(kube_vitals_old_samples_total{@}[$__rate_interval]))", "old samples")
        .query("sum(rate(kube_vitals_skipped_containers_total{@}[$__rate_interval]))", "unknown containers")
        .query("sum(rate(kube_vitals_node_clocks_set_total{@}[$__rate_interval]))", "clocks set"),
        Panel::new(Lines, "What is remembered", Count, "Nodes, pods and containers in the memory of one replica.")
            .query("max by (kind) (kube_vitals_store_records{@})", "{{kind}}")
            .query("max(kube_vitals_scrape_nodes_changed{@})", "nodes with changed pods"),
        Panel::new(Lines, "Certificates between us and kubelets end in", Seconds, "The one shown to kubelets, without which the token alone is shown; and the authorities by which they are believed.")
            .query("min by (instance) (kube_vitals_kubelet_client_certificate_expiration_timestamp_seconds{@}) - time()", "{{instance}}: shown")
            .query("min by (instance) (kube_vitals_kubelet_authority_certificate_expiration_timestamp_seconds{@}) - time()", "{{instance}}: believed"),
    ]
}
