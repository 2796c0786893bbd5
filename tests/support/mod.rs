//! What the suites that run real programs share.

#![allow(dead_code, reason = "each suite uses its own part")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]

pub(crate) mod control_plane;
pub(crate) mod controllers;
pub(crate) mod deployment;
pub(crate) mod judge;
pub(crate) mod kubectl;
pub(crate) mod otlp_sink;
pub(crate) mod pair;
pub(crate) mod process;
pub(crate) mod server;
pub(crate) mod service;
pub(crate) mod simulation;
pub(crate) mod usage_of;
pub(crate) mod willing_store;
