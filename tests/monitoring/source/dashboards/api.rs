//! The way of a request: connection, caller, rights, answer.

use crate::source::dashboard::{Dashboard, Row, Variable};
use crate::source::panel::{
    Kind::{Heatmap, Lines, Stack},
    Panel,
    Unit::{Bytes, BytesPerSecond, Count, PerSecond, Seconds, Share},
};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "api",
        title: "kube-vitals / API internals",
        description: "The way of a request: connection, caller, rights, answer; and what the API server tells us.",
        variables: Variable::of_processes(),
        rows: vec![
            Row { title: "Requests", panels: requests() },
            Row { title: "Answers", panels: answers() },
            Row { title: "Who asks, and may they", panels: callers() },
            Row { title: "Connections and certificates", panels: connections() },
            Row { title: "The API server, and our threads", panels: surroundings() },
            Row { title: "What leaves us", panels: outgoing() },
            Row { title: "Replicas, and what is kept", panels: kept() },
            Row { title: "Shared scrapes", panels: shared() },
        ],
    }
}

fn requests() -> Vec<Panel> {
    vec![
        Panel::new(Stack, "Requests by verb and resource", PerSecond, "Requests for resources; discovery, health and metrics are without.")
            .query(
                r#"sum by (verb, group, version, resource) (rate(kube_vitals_requests_total{@, resource!=""}[$__rate_interval]))"#,
                "{{verb}} {{resource}} {{group}}/{{version}}",
            ),
        Panel::new(Lines, "Errors of ours", Share, "Share of answers with a 5xx code, by verb.")
            .query(
                r#"(sum by (verb) (rate(kube_vitals_requests_total{@, code=~"5.."}[$__rate_interval])) or 0 * sum by (verb) (rate(kube_vitals_requests_total{@}[$__rate_interval]))) / sum by (verb) (rate(kube_vitals_requests_total{@}[$__rate_interval]))"#,
                "{{verb}}",
            )
            .bad_above(0.001, 0.01),
        Panel::new(Heatmap, "Time to answer", Seconds, "All requests but watches; buckets carry exemplars of sampled traces.")
            .query(
                r#"sum by (le) (increase(kube_vitals_request_duration_seconds_bucket{@, verb!="watch"}[$__rate_interval]))"#,
                "{{le}}",
            ),
        Panel::new(Lines, "Time to answer, median", Seconds, "By verb and resource.")
            .query(
                r#"histogram_quantile(0.5, sum by (le, verb, resource) (rate(kube_vitals_request_duration_seconds_bucket{@, verb=~"get|list", resource!=""}[$__rate_interval])))"#,
                "{{verb}} {{resource}}",
            ),
    ]
}

fn answers() -> Vec<Panel> {
    vec![
        Panel::new(Lines, "Bytes sent", BytesPerSecond, "Bodies of answers, by resource.")
            .query(
                "sum by (resource) (rate(kube_vitals_response_size_bytes_sum{@}[$__rate_interval]))",
                "{{resource}}",
            ),
        Panel::new(Lines, "Size of answers, 90th percentile", Bytes, "Of bodies as sent, by verb and resource.")
            .query(
                r#"histogram_quantile(0.9, sum by (le, verb, resource) (rate(kube_vitals_response_size_bytes_bucket{@, resource!=""}[$__rate_interval])))"#,
                "{{verb}} {{resource}}",
            ),
        Panel::new(
            Lines,
            "Answers cut off",
            PerSecond,
            "Ended before the last byte, because the client left or read too slowly. Watches end so as a rule.",
        )
        .query("sum by (verb) (rate(kube_vitals_responses_cut_off_total{@}[$__rate_interval]))", "{{verb}}"),
        Panel::new(Lines, "Watchers that fell behind", PerSecond, "Watches ended with 410: the client lists and watches anew.")
            .query("sum(rate(kube_vitals_watches_behind_total{@}[$__rate_interval]))", "behind"),
    ]
}

fn callers() -> Vec<Panel> {
    vec![
        Panel::new(Lines, "Authentication", PerSecond, "By method and result; almost all should come by the front proxy.")
            .query(
                "sum by (method, result) (rate(kube_vitals_authentication_attempts_total{@}[$__rate_interval]))",
                "{{method}} {{result}}",
            ),
        Panel::new(Lines, "Authorization", PerSecond, "By the method that decided, and the result.")
            .query(
                "sum by (method, result) (rate(kube_vitals_authorization_attempts_total{@}[$__rate_interval]))",
                "{{method}} {{result}}",
            ),
        Panel::new(Lines, "Verdicts kept", Share, "Share of verdicts on tokens and rights that were kept from before, so that nobody had to be asked.")
            .query(
                r#"sum(rate(kube_vitals_token_verdicts_total{@, source="kept"}[$__rate_interval])) / (sum(rate(kube_vitals_token_verdicts_total{@}[$__rate_interval])) > 0)"#,
                "tokens",
            )
            .query(
                r#"sum(rate(kube_vitals_access_verdicts_total{@, source="kept"}[$__rate_interval])) / (sum(rate(kube_vitals_access_verdicts_total{@}[$__rate_interval])) > 0)"#,
                "rights",
            ),
        Panel::new(Lines, "Time of reviews, 99th percentile", Seconds, "TokenReviews and SubjectAccessReviews at the API server, retries included.")
            .query(
                "histogram_quantile(0.99, sum by (le) (rate(kube_vitals_token_review_duration_seconds_bucket{@}[$__rate_interval])))",
                "token",
            )
            .query(
                "histogram_quantile(0.99, sum by (le) (rate(kube_vitals_access_review_duration_seconds_bucket{@}[$__rate_interval])))",
                "access",
            )
            .bad_above(1.0, 5.0),
        Panel::new(Lines, "Reviews without a verdict", PerSecond, "Who waits for one gets 500: nobody is let in on a guess.")
            .query("sum(rate(kube_vitals_token_review_errors_total{@}[$__rate_interval]))", "token")
            .query("sum(rate(kube_vitals_access_review_errors_total{@}[$__rate_interval]))", "access"),
    ]
}

fn connections() -> Vec<Panel> {
    vec![
        Panel::new(Lines, "Connections", Count, "Open now.")
            .query("sum by (instance) (kube_vitals_connections_open{@})", "{{instance}}"),
        Panel::new(
            Lines,
            "New connections",
            PerSecond,
            "Accepted; not accepted by the system; made to wait because all places were taken; refused because \
             their address had its share. And those cut because what they had asked for was not read.",
        )
        .query("sum(rate(kube_vitals_connections_accepted_total{@}[$__rate_interval]))", "accepted")
        .query("sum(rate(kube_vitals_connection_accept_errors_total{@}[$__rate_interval]))", "failed")
        .query("sum(rate(kube_vitals_connections_full_total{@}[$__rate_interval]))", "waited")
        .query("sum(rate(kube_vitals_connections_refused_total{@}[$__rate_interval]))", "refused")
        .query("sum(rate(kube_vitals_connections_unread_total{@}[$__rate_interval]))", "cut, unread"),
        Panel::new(
            Lines,
            "Failed TLS handshakes",
            PerSecond,
            "A client that does not believe our certificate ends them, too.",
        )
        .query("sum by (reason) (rate(kube_vitals_tls_handshake_failures_total{@}[$__rate_interval]))", "{{reason}}"),
        Panel::new(
            Lines,
            "Certificates end in",
            Seconds,
            "The certificate we show, its authority, and the authorities by which we know the front proxy and clients.",
        )
        .query(
            "min by (certificate) (kube_vitals_certificate_expiration_timestamp_seconds{@}) - time()",
            "{{certificate}}",
        ),
    ]
}

fn surroundings() -> Vec<Panel> {
    vec![
        Panel::new(Lines, "Watches of the cluster", Count, "1 while the API server's changes reach us; while 0, what was last known is served.")
            .query("min by (resource) (kube_vitals_cluster_watch_up{@})", "{{resource}}"),
        Panel::new(Lines, "Threads of the process", Count, "All threads, and those that run tasks.")
            .query("sum by (instance) (process_threads{@})", "{{instance}}: all")
            .query("sum by (instance) (kube_vitals_runtime_workers{@})", "{{instance}}: tasks"),
        Panel::new(Lines, "How busy the threads are", Share, "Share of their time in which they run tasks.")
            .query(
                "sum by (instance, runtime) (rate(kube_vitals_runtime_busy_seconds_total{@}[$__rate_interval])) / sum by (instance, runtime) (kube_vitals_runtime_workers{@})",
                "{{instance}} {{runtime}}",
            )
            .bad_above(0.8, 0.95),
        Panel::new(Lines, "Tasks", Count, "Tasks that have not ended, and those that are ready and wait for a thread.")
            .query("sum by (runtime) (kube_vitals_runtime_alive_tasks{@})", "{{runtime}}: alive")
            .query("sum by (runtime) (kube_vitals_runtime_waiting_tasks{@})", "{{runtime}}: waiting"),
        Panel::new(Lines, "Memory for each container", Bytes, "Resident memory over containers remembered; virtual memory is beside the point.")
            .query(
                r#"sum by (instance) (process_resident_memory_bytes{@}) / sum by (instance) (kube_vitals_store_records{@, kind="containers"})"#,
                "{{instance}}",
            ),
    ]
}

fn outgoing() -> Vec<Panel> {
    vec![
        Panel::new(Lines, "Samples sent", PerSecond, "Usage that stores have taken, by their configured name; nothing where none is configured.")
            .query("sum by (target) (rate(kube_vitals_export_samples_total{@}[$__rate_interval]))", "{{target}}"),
        Panel::new(Lines, "Samples dropped", PerSecond, "Usage that did not reach its store, by reason.")
            .query(
                "sum by (target, reason) (rate(kube_vitals_export_dropped_samples_total{@}[$__rate_interval]))",
                "{{target}}: {{reason}}",
            ),
        Panel::new(Lines, "Samples that wait", Count, "In the queue of each store; full, the oldest are dropped.")
            .query("sum by (target) (kube_vitals_export_queue_samples{@})", "{{target}}"),
        Panel::new(Lines, "Requests repeated", PerSecond, "Requests to stores that failed and were sent again.")
            .query("sum by (target) (rate(kube_vitals_export_retries_total{@}[$__rate_interval]))", "{{target}}"),
        Panel::new(Lines, "Time of stores, 99th percentile", Seconds, "Of one request to a store, connection to answer.")
            .query(
                "histogram_quantile(0.99, sum by (le, target) (rate(kube_vitals_export_request_duration_seconds_bucket{@}[$__rate_interval])))",
                "{{target}}",
            ),
        Panel::new(Lines, "Last success", Seconds, "How long ago each store took samples.")
            .query("time() - max by (target) (kube_vitals_export_last_success_timestamp_seconds{@})", "{{target}}")
            .bad_above(120.0, 600.0),
        Panel::new(Lines, "Spans", PerSecond, "Spans that the collector took, and those that were dropped, by reason.")
            .query("sum(rate(kube_vitals_spans_sent_total{@}[$__rate_interval]))", "sent")
            .query("sum by (reason) (rate(kube_vitals_spans_dropped_total{@}[$__rate_interval]))", "dropped: {{reason}}"),
        Panel::new(Lines, "Spans that wait", Count, "To be sent, or being sent.")
            .query("sum(kube_vitals_spans_queued{@})", "spans"),
    ]
}

fn kept() -> Vec<Panel> {
    vec![
        Panel::new(Lines, "Other replicas", Count, "As each replica sees the others by their Leases, by the state they tell.")
            .query("sum by (instance, state) (kube_vitals_replicas{@})", "{{instance}}: {{state}}"),
        Panel::new(
            Lines,
            "Samples handed over",
            PerSecond,
            "Taken from other replicas at the start, and those that could not be used.",
        )
        .query("sum by (instance, verdict) (rate(kube_vitals_hand_over_samples_total{@}[$__rate_interval]))", "{{instance}}: {{verdict}}"),
        Panel::new(Lines, "Time of the hand-over", Seconds, "At the start of each replica; five seconds at most.")
            .query("max by (instance) (kube_vitals_hand_over_duration_seconds{@})", "{{instance}}"),
        Panel::new(Lines, "Bytes handed over", BytesPerSecond, "Samples that replicas sent each other.")
            .query("sum by (direction) (rate(kube_vitals_hand_over_bytes_total{@}[$__rate_interval]))", "{{direction}}"),
        Panel::new(Lines, "Trouble among replicas", PerSecond, "Requests about Leases that were not granted, and hand-overs that failed.")
            .query("sum by (operation) (rate(kube_vitals_replica_lease_failures_total{@}[$__rate_interval]))", "Lease: {{operation}}")
            .query(r#"sum(rate(kube_vitals_hand_overs_total{@, outcome="failed"}[$__rate_interval]))"#, "hand-over"),
        Panel::new(Lines, "Kept for readers and callers", Count, "Earlier states that lists and watches go on from, and verdicts on callers, in one replica.")
            .query("max(kube_vitals_kept_moments{@})", "moments")
            .query("max(kube_vitals_token_verdicts_kept{@})", "verdicts on tokens")
            .query("max(kube_vitals_access_verdicts_kept{@})", "verdicts on access")
            .query("max(kube_vitals_certificate_verdicts_kept{@})", "verdicts on certificates")
            .query("max(kube_vitals_refused_addresses_kept{@})", "addresses that were refused")
            .query("max(kube_vitals_tls_sessions_kept{@})", "sessions of TLS")
            .query("max(kube_vitals_watch_steps_kept{@})", "steps of watches"),
        Panel::new(Lines, "Here now", Count, "Addresses that have connections, and reviews of tokens and access that are waited for, in one replica.")
            .query("max(kube_vitals_connection_addresses{@})", "addresses")
            .query("max(kube_vitals_token_reviews_under_way{@})", "reviews of tokens")
            .query("max(kube_vitals_access_reviews_under_way{@})", "reviews of access"),
        Panel::new(Lines, "Names and labels", Count, "Texts that objects share, and objects whose last sent sample is remembered, in one replica. They follow the cluster's size.")
            .query("max by (kind) (kube_vitals_cluster_interned{@})", "{{kind}}")
            .query("max(kube_vitals_cluster_label_sets{@})", "label sets that pods carry")
            .query("max(kube_vitals_store_container_names{@})", "container names")
            .query("max(kube_vitals_export_ledger_entries{@})", "sent to stores"),
    ]
}

fn shared() -> Vec<Panel> {
    vec![
        Panel::new(Stack, "Who asks the nodes", Count, "Nodes that each replica asks by itself; without --scrape-sharing each asks all.")
            .query(r#"sum by (instance) (kube_vitals_divided_nodes{@, replica="own"})"#, "{{instance}}")
            .query(r#"max(kube_vitals_divided_nodes{@, replica="other"})"#, "left to others by one, at most"),
        Panel::new(
            Lines,
            "Nodes taken over",
            PerSecond,
            "Because replicas came or went (divided), or because the one that was to ask told of no good scrape for too long (silent).",
        )
        .query("sum by (cause) (rate(kube_vitals_node_take_overs_total{@}[$__rate_interval]))", "{{cause}}"),
        Panel::new(Lines, "Scrapes told", PerSecond, "Messages among replicas: one for each scrape and listener, and signs of life.")
            .query("sum by (direction) (rate(kube_vitals_shared_scrape_messages_total{@}[$__rate_interval]))", "{{direction}}"),
        Panel::new(Lines, "Bytes of scrapes told", BytesPerSecond, "What replicas send each other instead of asking every node.")
            .query("sum by (direction) (rate(kube_vitals_shared_scrape_bytes_total{@}[$__rate_interval]))", "{{direction}}"),
        Panel::new(Lines, "Replicas listened to", Count, "By each replica; as many as there are others, if all is well.")
            .query("sum by (instance) (kube_vitals_shared_scrape_streams{@})", "{{instance}}"),
        Panel::new(Lines, "Trouble with shared scrapes", PerSecond, "Streams that ended or did not begin, by the reason; samples and listeners that were dropped.")
            .query("sum by (reason) (rate(kube_vitals_shared_scrape_stream_ends_total{@}[$__rate_interval]))", "stream: {{reason}}")
            .query(r#"sum(rate(kube_vitals_shared_scrape_samples_total{@, verdict="dropped"}[$__rate_interval]))"#, "samples dropped")
            .query("sum(rate(kube_vitals_shared_scrape_listeners_cut_total{@}[$__rate_interval]))", "listeners cut"),
    ]
}
