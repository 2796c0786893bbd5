//! How much of what there is to have each address has: connections, and places for requests.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;

/// One address may have this part of all: whoever is alone cannot shut out the rest. The front proxy, which
/// stands for many, has no share.
const SHARE: usize = 4;
/// Granted however few places there are in all.
const FLOOR: usize = 16;

/// The addresses that have places now.
#[derive(Clone, Debug)]
pub(super) struct Peers {
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
    most: usize,
}

/// One place of an address; given back when dropped.
#[derive(Debug)]
pub(super) struct PeerPlace {
    address: IpAddr,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
    addresses: Gauge,
}

impl Peers {
    /// For so many `places` in all, which bounds the memory as well.
    pub(super) fn sharing(places: usize) -> Self {
        Self { open: Arc::default(), most: (places / SHARE).max(FLOOR) }
    }

    /// One more place for `address`; `None` where it has its share. `addresses` is told how
    /// many have one.
    pub(super) fn admit(&self, address: IpAddr, addresses: &Gauge) -> Option<PeerPlace> {
        let address = address.to_canonical();
        let mut open = self.open.lock();
        let count = open.entry(address).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        addresses.set(told(open.len()));
        Some(PeerPlace { address, open: Arc::clone(&self.open), addresses: addresses.clone() })
    }
}

impl Drop for PeerPlace {
    fn drop(&mut self) {
        let mut open = self.open.lock();
        if let Entry::Occupied(mut count) = open.entry(self.address) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        self.addresses.set(told(open.len()));
    }
}

fn told(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(peers: &Peers, address: &str) -> Option<PeerPlace> {
        peers.admit(address.parse().unwrap(), &Gauge::default())
    }

    #[test]
    fn addresses_that_have_connections_are_counted() {
        let (peers, addresses) = (Peers::sharing(1024), Gauge::default());
        let admit = |address: [u8; 4]| peers.admit(address.into(), &addresses).unwrap();
        let places = [admit([10, 0, 0, 1]), admit([10, 0, 0, 1]), admit([10, 0, 0, 2])];
        assert_eq!(addresses.get(), 2);
        drop(places);
        assert_eq!(addresses.get(), 0);
    }

    #[test]
    fn one_address_has_its_share_and_no_more() {
        let peers = Peers::sharing(1024);
        let mut places: Vec<_> = (0..256).map(|_| admit(&peers, "10.0.0.1").unwrap()).collect();
        assert!(admit(&peers, "10.0.0.1").is_none());
        assert!(admit(&peers, "::ffff:10.0.0.1").is_none(), "the same address, as IPv6 writes it");
        assert!(admit(&peers, "10.0.0.2").is_some());
        places.pop();
        assert!(admit(&peers, "10.0.0.1").is_some());
    }

    #[test]
    fn an_address_without_connections_is_forgotten() {
        let peers = Peers::sharing(1);
        let places: Vec<_> = (0..FLOOR).map(|_| admit(&peers, "10.0.0.1").unwrap()).collect();
        assert!(admit(&peers, "10.0.0.1").is_none());
        drop(places);
        assert!(peers.open.lock().is_empty());
    }
}
