//! The page for those who scrape: all usage of one moment as text, filtered as they ask.
//!
//! Families stand one after the other, as the format demands, so the nodes are gone through once for
//! each: a node a turn, and memory for a node's part of one family, whatever the cluster's size.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;

use crate::clock::UnixMillis;
use crate::cluster::View;
use crate::export::family::{FAMILIES, Family, Value, labels};
use crate::export::live::Now;
use crate::export::point::{Kind, Point};
use crate::promtext::encode;
use crate::promtext::encode::{Encoder, Format};
use crate::store::Snapshot;
use crate::usage::NodeName;

/// What of the page is wanted: of each kind the named, or all where none is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageFilter {
    families: BTreeSet<&'static str>,
    namespaces: BTreeSet<String>,
    nodes: BTreeSet<String>,
}

/// A query that asks for what there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageFilterError {
    /// Another parameter than the three.
    #[error("unknown parameter {0:?}: there are family, namespace and node")]
    Parameter(String),
    /// No family has this name.
    #[error("there is no family {0:?}")]
    Family(String),
    /// A parameter without value: it would select nothing.
    #[error("the parameter {0} has no value")]
    Empty(&'static str),
}

/// What one page is made from, and how far it is written.
#[derive(Debug)]
pub struct Page {
    view: Arc<View>,
    snapshot: Arc<Snapshot>,
    oldest: UnixMillis,
    filter: PageFilter,
    format: Format,
    nodes: Vec<NodeName>,
    /// The family and the node that come next.
    position: (usize, usize),
    part: Vec<u8>,
}

impl PageFilter {
    /// Reads the parameters of a query; each may stand in it several times.
    ///
    /// # Errors
    /// When it asks for what there is not.
    pub fn read<'a>(parameters: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Result<Self, PageFilterError> {
        let mut filter = Self::default();
        for (name, value) in parameters {
            let given = |name| if value.is_empty() { Err(PageFilterError::Empty(name)) } else { Ok(value.clone()) };
            match &*name {
                "family" => {
                    let named = given("family")?;
                    let family = FAMILIES.iter().find(|family| family.name == named);
                    let family = family.ok_or_else(|| PageFilterError::Family(named.into_owned()))?;
                    filter.families.insert(family.name);
                }
                "namespace" => {
                    filter.namespaces.insert(given("namespace")?.into_owned());
                }
                "node" => {
                    filter.nodes.insert(given("node")?.into_owned());
                }
                _ => return Err(PageFilterError::Parameter(name.into_owned())),
            }
        }
        Ok(filter)
    }

    /// A node is in no namespace, so that none is told where some are named.
    fn wants_family(&self, family: &Family) -> bool {
        let is_named = self.families.is_empty() || self.families.contains(family.name);
        is_named && (self.namespaces.is_empty() || family.kind != Kind::Node)
    }

    fn wants_node(&self, node: &NodeName) -> bool {
        self.nodes.is_empty() || self.nodes.contains(node.as_str())
    }

    fn wants(&self, point: &Point) -> bool {
        let namespace = point.subject.pod.as_ref().map(|pod| &*pod.namespace);
        self.namespaces.is_empty() || namespace.is_some_and(|namespace| self.namespaces.contains(namespace))
    }
}

impl Page {
    /// A page of this moment.
    pub fn new(
        (view, snapshot): (Arc<View>, Arc<Snapshot>),
        now: UnixMillis,
        max_sample_age: Duration,
        filter: PageFilter,
        format: Format,
    ) -> Self {
        let mut nodes: Vec<_> =
            snapshot.nodes().map(|(name, _)| name).filter(|name| filter.wants_node(name)).cloned().collect();
        nodes.sort_unstable();
        let oldest = now - max_sample_age;
        Self { view, snapshot, oldest, filter, format, nodes, position: (0, 0), part: Vec::new() }
    }

    /// Writes on, a node's part of one family; returns whether there is more.
    pub fn turn(&mut self, out: &mut BytesMut) -> bool {
        let (at_family, at_node) = self.position;
        let Some(family) = FAMILIES.get(at_family) else { return false };
        self.part.clear();
        let mut encoder = Encoder::of(self.format, &mut self.part);
        let is_wanted = self.filter.wants_family(family);
        if is_wanted && at_node == 0 {
            let kind = if family.value == Value::CpuTime { encode::Kind::Counter } else { encode::Kind::Gauge };
            encoder.family(family.name, family.help, kind);
        }
        if let Some(node) = self.nodes.get(at_node).filter(|_| is_wanted)
            && let Some(record) = self.snapshot.node(node)
        {
            let now = Now { view: &self.view, oldest: self.oldest };
            encoder.resume(family.name);
            now.points(node, record, |point| {
                if point.subject.kind() == family.kind && self.filter.wants(&point) {
                    write(&mut encoder, family, &point);
                }
            });
        }
        let is_last_node = !is_wanted || at_node + 1 >= self.nodes.len();
        self.position = if is_last_node { (at_family + 1, 0) } else { (at_family, at_node + 1) };
        let has_more = self.position.0 < FAMILIES.len();
        if !has_more {
            encoder.end();
        }
        out.extend_from_slice(&self.part);
        has_more
    }
}

fn write(encoder: &mut Encoder<'_>, family: &Family, point: &Point) {
    let Some(value) = point.level.as_ref().and_then(|level| family.value.of(level)) else { return };
    let labels: Vec<_> = labels(&point.subject).collect();
    encoder.sample(&labels, value, Some(point.time));
}

#[cfg(test)]
mod tests;
