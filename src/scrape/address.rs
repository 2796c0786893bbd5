//! Which addresses of a node are asked, and in which order.

use std::net::Ipv6Addr;

use crate::cluster::Node;
use crate::config::Scraping;

/// `host:port` of every address of a wanted kind: by the order of kinds, then as the node lists
/// them. IPv6 addresses are bracketed.
pub(super) fn addresses(node: &Node, settings: &Scraping) -> Vec<String> {
    let told = node.kubelet_port.filter(|_| settings.use_node_status_port);
    let port = told.unwrap_or(settings.port);
    let mut addresses = Vec::new();
    for kind in &settings.address_kinds {
        for address in node.addresses.iter().filter(|address| address.kind == *kind) {
            let address = authority(&address.host, port);
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
    }
    addresses
}

fn authority(host: &str, port: u16) -> String {
    if host.parse::<Ipv6Addr>().is_ok() { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AddressKind;
    use crate::scrape::fixtures;

    #[test]
    fn addresses_come_in_the_order_of_kinds_then_of_the_node() {
        let mut node = fixtures::node("n", &[]);
        let address = |kind, host: &str| crate::cluster::Address { kind, host: host.into() };
        node.addresses = vec![
            address(AddressKind::Hostname, "n"),
            address(AddressKind::InternalIp, "10.0.0.1"),
            address(AddressKind::InternalIp, "fd00::1"),
            address(AddressKind::ExternalIp, "192.0.2.1"),
            address(AddressKind::InternalDns, "n"),
        ];
        let mut settings = fixtures::settings();
        settings.address_kinds = vec![AddressKind::InternalIp, AddressKind::InternalDns, AddressKind::Hostname];
        assert_eq!(addresses(&node, &settings), ["10.0.0.1:10250", "[fd00::1]:10250", "n:10250"]);
    }

    #[test]
    fn the_nodes_own_port_is_used_only_when_wanted() {
        let mut node = fixtures::node("n", &["10.0.0.1"]);
        node.kubelet_port = Some(4194);
        let mut settings = fixtures::settings();
        assert_eq!(addresses(&node, &settings), ["10.0.0.1:10250"]);
        settings.use_node_status_port = true;
        assert_eq!(addresses(&node, &settings), ["10.0.0.1:4194"]);
        node.kubelet_port = None;
        assert_eq!(addresses(&node, &settings), ["10.0.0.1:10250"]);
    }
}
