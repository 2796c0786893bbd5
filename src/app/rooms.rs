//! The rooms that register metrics of their own, built while the registry is filled.

use std::sync::Arc;

use anyhow::Context;

use crate::apiserver::{self, ListenerMetrics, ReviewMetrics, authn, authz};
use crate::app::memory::Memory;
use crate::clock::Clock;
use crate::config::Settings;
use crate::export::Exporter;
use crate::scrape::{KubeletAccess, Scraper};
use crate::telemetry::{Exposition, Registry};
use crate::{cluster, replicas};

/// What registers metrics of its own, and those of the rooms that come later.
pub(super) struct Rooms {
    pub(super) door: DoorMetrics,
    pub(super) cluster: cluster::Metrics,
    pub(super) scraper: Scraper,
    pub(super) exporter: Option<Exporter>,
    pub(super) replicas: replicas::Metrics,
}

/// The metrics of the rooms that the door is built from.
pub(super) struct DoorMetrics {
    pub(super) listener: ListenerMetrics,
    pub(super) requests: apiserver::Metrics,
    pub(super) authn: authn::Metrics,
    pub(super) authz: ReviewMetrics,
}

impl Rooms {
    /// The rooms, and all metrics there are: theirs, and what `readings` registers.
    pub(super) fn registered(
        settings: &Settings,
        memory: &Memory,
        config: &kube::Config,
        clock: &Clock,
        readings: impl FnOnce(&mut Registry),
    ) -> anyhow::Result<(Self, Exposition)> {
        let mut rooms = None;
        let exposition = Exposition::new(|registry| {
            readings(registry);
            rooms = Some(Self::build(settings, memory, config, clock, registry));
        });
        Ok((rooms.context("the registry was not filled")??, exposition))
    }

    fn build(
        settings: &Settings,
        memory: &Memory,
        config: &kube::Config,
        clock: &Clock,
        registry: &mut Registry,
    ) -> anyhow::Result<Self> {
        let (door, metrics) =
            (DoorMetrics::register(registry), cluster::Metrics::register(registry, Arc::clone(&memory.cluster)));
        let (max_sample_age, access) = (settings.max_sample_age, KubeletAccess::from_config(config)?);
        let (cluster, store) = (Arc::clone(&memory.cluster), Arc::clone(&memory.store));
        let scraper =
            Scraper::build(&settings.scraping, max_sample_age, access, cluster, store, clock.clone(), registry)?;
        let world = (Arc::clone(&memory.cluster), Arc::clone(&memory.store));
        let exporter = Exporter::build(&settings.export, max_sample_age, world, clock, registry);
        let replicas = replicas::Metrics::register(registry);
        let exporter = exporter.context("export, in the file of --config")?;
        Ok(Self { door, cluster: metrics, scraper, exporter, replicas })
    }
}

impl DoorMetrics {
    fn register(registry: &mut Registry) -> Self {
        Self {
            listener: ListenerMetrics::register(registry),
            requests: apiserver::Metrics::register(registry),
            authn: authn::register_metrics(registry),
            authz: authz::register_metrics(registry),
        }
    }
}
