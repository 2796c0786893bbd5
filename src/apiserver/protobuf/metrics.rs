//! Messages of usage: those of `k8s.io/metrics`, `v1beta1` and `v1` alike, and those of our group.
//!
//! Both groups share one message. The fields from 100 on are our own group's, and stay empty,
//! which in protobuf means unwritten, in answers of `metrics.k8s.io`.

use std::collections::BTreeMap;

use crate::apiserver::protobuf::meta::{Duration, ObjectMeta, Quantity, Time};

/// Usage of a node.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct NodeMetrics {
    #[prost(message, required, tag = "1")]
    pub(crate) metadata: ObjectMeta,
    #[prost(message, required, tag = "2")]
    pub(crate) timestamp: Time,
    #[prost(message, required, tag = "3")]
    pub(crate) window: Duration,
    #[prost(btree_map = "string, message", tag = "4")]
    pub(crate) usage: BTreeMap<String, Quantity>,
    #[prost(string, tag = "100")]
    pub(crate) freshness: String,
    #[prost(string, tag = "101")]
    pub(crate) source: String,
    #[prost(string, tag = "102")]
    pub(crate) reason: String,
    #[prost(string, tag = "103")]
    pub(crate) message: String,
}

/// Usage of a pod.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct PodMetrics {
    #[prost(message, required, tag = "1")]
    pub(crate) metadata: ObjectMeta,
    #[prost(message, required, tag = "2")]
    pub(crate) timestamp: Time,
    #[prost(message, required, tag = "3")]
    pub(crate) window: Duration,
    #[prost(message, repeated, tag = "4")]
    pub(crate) containers: Vec<ContainerMetrics>,
    #[prost(string, tag = "100")]
    pub(crate) freshness: String,
}

/// Usage of a container, or why it is not known.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct ContainerMetrics {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(btree_map = "string, message", tag = "2")]
    pub(crate) usage: BTreeMap<String, Quantity>,
    #[prost(string, tag = "101")]
    pub(crate) source: String,
    #[prost(string, tag = "102")]
    pub(crate) reason: String,
    #[prost(string, tag = "103")]
    pub(crate) message: String,
    #[prost(message, optional, tag = "104")]
    pub(crate) timestamp: Option<Time>,
    #[prost(message, optional, tag = "105")]
    pub(crate) window: Option<Duration>,
}

/// What a list lacks.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Missing {
    #[prost(string, tag = "1")]
    pub(crate) namespace: String,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(string, tag = "3")]
    pub(crate) reason: String,
    #[prost(string, tag = "4")]
    pub(crate) message: String,
    #[prost(message, required, tag = "5")]
    pub(crate) since: Time,
}

/// How the last request to a node's kubelet went. Numbers that are known are written even if zero.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct NodeScrape {
    #[prost(message, required, tag = "1")]
    pub(crate) metadata: ObjectMeta,
    #[prost(message, optional, tag = "2")]
    pub(crate) last_attempt: Option<Time>,
    #[prost(message, optional, tag = "3")]
    pub(crate) last_success: Option<Time>,
    #[prost(string, tag = "4")]
    pub(crate) outcome: String,
    #[prost(string, tag = "5")]
    pub(crate) reason: String,
    #[prost(string, tag = "6")]
    pub(crate) message: String,
    #[prost(message, required, tag = "7")]
    pub(crate) since: Time,
    #[prost(double, optional, tag = "8")]
    pub(crate) duration_seconds: Option<f64>,
    #[prost(uint64, optional, tag = "9")]
    pub(crate) body_bytes: Option<u64>,
    #[prost(uint32, optional, tag = "10")]
    pub(crate) rejected_lines: Option<u32>,
    #[prost(string, tag = "11")]
    pub(crate) address: String,
    #[prost(string, repeated, tag = "12")]
    pub(crate) partial_pods: Vec<String>,
}
