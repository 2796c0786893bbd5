//! Dashboards, alerts and recording rules, as code.
//!
//! ```text
//! dashboards/*.rs ──▶ Dashboard ──▶ grafana/dashboards/*.json
//! alerts.rs       ──▶ Rules ──┬──▶ deploy/monitoring/{rules,prometheus-rule}.yaml
//!                             └──▶ the same in a hundredth of the time, for the suite beside this
//! ```
//!
//! The files are committed, so that nobody needs Rust to use them; `tests/it` compares them with what
//! is made here, and `UPDATE_GOLDEN=1 cargo test --test it` writes them. It is test code because the
//! program itself needs none of it. Queries name metrics in full, so that a search for one finds them.

#![allow(dead_code, reason = "each suite uses its own part")]

pub(crate) mod alerts;
pub(crate) mod dashboard;
pub(crate) mod dashboards;
pub(crate) mod panel;
pub(crate) mod rules;
