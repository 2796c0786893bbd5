//! A node as far as we need it.

use crate::clock::UnixMillis;
use crate::cluster::Labels;
use crate::config::AddressKind;
use crate::usage::{NodeName, Uid};

/// One node of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: NodeName,
    /// Tells it from a later node of the same name.
    pub uid: Uid,
    /// Its labels.
    pub labels: Labels,
    /// When the object was made.
    pub created: UnixMillis,
    /// The version of its last change, given by the index.
    pub revision: u64,
    /// As listed in its status, in that order.
    pub addresses: Vec<Address>,
    /// The kubelet's port by `status.daemonEndpoints`, if it tells one.
    pub kubelet_port: Option<u16>,
    /// Whether its condition `Ready` is true.
    pub ready: bool,
}

/// One address of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// What kind of address it is.
    pub kind: AddressKind,
    /// Host name or IP address.
    pub host: Box<str>,
}
