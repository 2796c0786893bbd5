//! What the cluster uses: the families of `/metrics/usage`.
//!
//! Several replicas tell the same; the greatest of what they tell is shown, which is one of them.

use crate::source::dashboard::{Dashboard, Row, Variable};
use crate::source::panel::{
    Kind::{Lines, Stack, Stat, Table},
    Panel,
    Unit::{Bytes, Cores, Count},
};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "usage",
        title: "kube-vitals / Cluster usage",
        description: "CPU and memory that nodes, namespaces, pods and containers use, from /metrics/usage.",
        variables: Variable::of_usage(),
        rows: vec![
            Row { title: "The cluster", panels: cluster() },
            Row { title: "Nodes", panels: nodes() },
            Row { title: "Namespaces", panels: namespaces() },
            Row { title: "Pods and containers", panels: pods() },
        ],
    }
}

fn cluster() -> Vec<Panel> {
    vec![
        Panel::new(Stat, "CPU of nodes", Cores, "CPU that all chosen nodes use together.")
            .query(
                r#"sum(max by (cluster, node) (kube_vitals_node_cpu_usage_cores{cluster=~"$cluster", node=~"$node"}))"#,
                "nodes",
            )
            .width(6),
        Panel::new(Stat, "Memory of nodes", Bytes, "Working sets of all chosen nodes together.")
            .query(
                r#"sum(max by (cluster, node) (kube_vitals_node_memory_working_set_bytes{cluster=~"$cluster", node=~"$node"}))"#,
                "nodes",
            )
            .width(6),
        Panel::new(Stat, "Nodes", Count, "Chosen nodes with usage.")
            .query(
                r#"count(max by (cluster, node) (kube_vitals_node_cpu_usage_cores{cluster=~"$cluster", node=~"$node"}))"#,
                "nodes",
            )
            .width(6),
        Panel::new(Stat, "Pods", Count, "Pods with usage, of the chosen nodes and namespaces.")
            .query(
                r#"count(max by (cluster, namespace, pod) (kube_vitals_pod_cpu_usage_cores{cluster=~"$cluster", node=~"$node", namespace=~"$namespace"}))"#,
                "pods",
            )
            .width(6),
    ]
}

fn nodes() -> Vec<Panel> {
    vec![
        Panel::new(Lines, "CPU by node", Cores, "As the API serves it: over the window of the last two samples.").query(
            r#"max by (cluster, node) (kube_vitals_node_cpu_usage_cores{cluster=~"$cluster", node=~"$node"})"#,
            "{{node}}",
        ),
        Panel::new(Lines, "Memory by node", Bytes, "Working set: what cannot be freed without harm.").query(
            r#"max by (cluster, node) (kube_vitals_node_memory_working_set_bytes{cluster=~"$cluster", node=~"$node"})"#,
            "{{node}}",
        ),
        Panel::new(Lines, "CPU by node, over the interval", Cores, "From the counters of CPU time: smoother than the rate the API serves.")
            .query(
                r#"max by (cluster, node) (rate(kube_vitals_node_cpu_usage_seconds_total{cluster=~"$cluster", node=~"$node"}[$__rate_interval]))"#,
                "{{node}}",
            )
            .width(24),
    ]
}

fn namespaces() -> Vec<Panel> {
    vec![
        Panel::new(Stack, "CPU by namespace", Cores, "Sum over the pods of each namespace.").query(
            r#"sum by (namespace) (max by (cluster, namespace, pod) (kube_vitals_pod_cpu_usage_cores{cluster=~"$cluster", node=~"$node", namespace=~"$namespace"}))"#,
            "{{namespace}}",
        ),
        Panel::new(Stack, "Memory by namespace", Bytes, "Sum over the pods of each namespace.").query(
            r#"sum by (namespace) (max by (cluster, namespace, pod) (kube_vitals_pod_memory_working_set_bytes{cluster=~"$cluster", node=~"$node", namespace=~"$namespace"}))"#,
            "{{namespace}}",
        ),
    ]
}

fn pods() -> Vec<Panel> {
    vec![
        Panel::new(Table, "Pods by CPU", Cores, "The twenty that use the most now.").query(
            r#"topk(20, max by (namespace, pod) (kube_vitals_pod_cpu_usage_cores{cluster=~"$cluster", node=~"$node", namespace=~"$namespace"}))"#,
            "",
        ),
        Panel::new(Table, "Pods by memory", Bytes, "The twenty that use the most now.").query(
            r#"topk(20, max by (namespace, pod) (kube_vitals_pod_memory_working_set_bytes{cluster=~"$cluster", node=~"$node", namespace=~"$namespace"}))"#,
            "",
        ),
        Panel::new(Lines, "Containers by CPU", Cores, "The ten that use the most, at each time.").query(
            r#"topk(10, max by (namespace, pod, container) (kube_vitals_container_cpu_usage_cores{cluster=~"$cluster", node=~"$node", namespace=~"$namespace"}))"#,
            "{{namespace}}/{{pod}} {{container}}",
        ),
        Panel::new(Lines, "Containers by memory", Bytes, "The ten that use the most, at each time.").query(
            r#"topk(10, max by (namespace, pod, container) (kube_vitals_container_memory_working_set_bytes{cluster=~"$cluster", node=~"$node", namespace=~"$namespace"}))"#,
            "{{namespace}}/{{pod}} {{container}}",
        ),
        Panel::new(Lines, "Containers by CPU, over the interval", Cores, "From the counters of CPU time, the ten that use the most.")
            .query(
                r#"topk(10, max by (namespace, pod, container) (rate(kube_vitals_container_cpu_usage_seconds_total{cluster=~"$cluster", node=~"$node", namespace=~"$namespace"}[$__rate_interval])))"#,
                "{{namespace}}/{{pod}} {{container}}",
            )
            .width(24),
    ]
}
