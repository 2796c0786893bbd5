//! A simulated node and where its kubelet is reached.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::naming;
use crate::clock::UnixMillis;
use crate::sim::load::Load;
use crate::sim::seed::Seed;
use crate::usage::NodeName;

/// The second octet of the first addresses, and of those that nodes move to.
const FIRST_BLOCK: u32 = 1;
const SECOND_BLOCK: u32 = 129;

/// One node; it exists as long as the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimNode {
    /// From 0.
    pub index: u32,
    /// `node-` and the index.
    pub name: NodeName,
    /// Where its kubelet listens. Node `i` is 127.(1 + i / 62500).(i / 250 % 250).(1 + i % 250):
    /// all of 127/8 is this machine, and 127.0.0.1 is left to others.
    pub address: Ipv4Addr,
    /// When it booted, which is also when the object was made.
    pub booted: UnixMillis,
    /// What the node as a whole uses. It is a curve of its own near the sum of its containers': a
    /// sum over pods that come and go would need their whole history.
    pub load: Load,
    /// Whole cores, enough for twice its load.
    pub cpu_cores: u64,
    /// Bytes, enough for twice its load.
    pub memory_capacity_bytes: u64,
    pub(super) reading_period: Duration,
    pub(super) seed: Seed,
}

impl SimNode {
    /// The object's uid.
    pub fn uid(&self) -> String {
        naming::uid(self.seed)
    }

    /// Where its kubelet is when it has moved.
    pub fn second_address(&self) -> Ipv4Addr {
        Self::address_in(self.index, SECOND_BLOCK)
    }

    /// Whether this is the node as reached where it has moved to.
    pub fn is_at_second_address(&self) -> bool {
        self.address == self.second_address()
    }

    pub(super) fn address_of(index: u32) -> Ipv4Addr {
        Self::address_in(index, FIRST_BLOCK)
    }

    pub(super) fn index_of(address: Ipv4Addr) -> Option<u32> {
        let [_, block, row, host] = address.octets().map(u32::from);
        let first = if block < SECOND_BLOCK { FIRST_BLOCK } else { SECOND_BLOCK };
        let index = block.checked_sub(first)? * 62_500 + row * 250 + host.checked_sub(1)?;
        (Self::address_in(index, first) == address).then_some(index)
    }

    fn address_in(index: u32, block: u32) -> Ipv4Addr {
        let octet = |value: u32| u8::try_from(value).unwrap_or(u8::MAX);
        Ipv4Addr::new(127, octet(block + index / 62_500), octet(index / 250 % 250), octet(1 + index % 250))
    }
}
