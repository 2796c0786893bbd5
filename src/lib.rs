//! kube-vitals: an aggregated metrics API for Kubernetes. This file is the floor plan.
//!
//! ```text
//! kube-apiserver ──watch──▶ cluster
//!                              │ which nodes, which pods
//! kubelet ──HTTPS──▶ scrape ──bytes──▶ promtext ──batch──▶ store ──snapshot──▶ apiserver ──▶ aggregator
//!                                                                └─────────▶ export ──▶ other engines
//! ```
//!
//! | room | why it exists |
//! |---|---|
//! | [`config`] | what the operator asked for: flags, environment, checked settings |
//! | [`usage`] | the nouns and the arithmetic: samples, runs, usage, quantities; pure |
//! | [`promtext`] | what kubelets expose, in Prometheus's text or protobuf: read, and written for tests and pages of our own; pure |
//! | [`cluster`] | what exists: nodes and pods, watched |
//! | [`scrape`] | asking the kubelets, each in its own phase |
//! | [`store`] | what we remember: latest usage per node, outcomes |
//! | [`apiserver`] | the aggregated API: TLS, who asks, may they, what they get |
//! | [`pressure`] | how near we are to the memory that we may use |
//! | [`replicas`] | the other replicas of this server, and what they know of the nodes |
//! | [`telemetry`] | how we see ourselves: logs, traces, metrics registry |
//! | [`export`] | passing usage on to other engines |
//! | [`sim`] | a pretend cluster for the demo, tests and benches |
//!
//! Arrows between rooms point one way and are tested (`tests/it/arrows.rs`); only [`app`] joins
//! rooms. The ground floor is for all: `chain`, [`clock`], `go_duration`, [`revision`], [`readiness`],
//! [`shutdown`], [`config`], [`telemetry`]. What parsers have to stand is beside them, in `fuzz.rs`;
//! `fuzzing` has the table of it, and is no part of the product.

pub mod apiserver;
pub mod app;
mod chain;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod export;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod go_duration;
pub mod pressure;
pub mod promtext;
pub mod readiness;
pub mod replicas;
pub mod revision;
pub mod scrape;
pub mod shutdown;
#[cfg(feature = "demo")]
pub mod sim;
pub mod store;
pub mod telemetry;
pub mod usage;
