//! Flags: this replica among others.

use clap::Args;

use crate::config::fault::Faults;
use crate::config::settings::Pod;
use crate::config::value::{dns_subdomain, plain};

/// This replica among others.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Replicas")]
pub struct ReplicaArgs {
    /// Name of the pod we run in; needs --pod-ip
    ///
    /// With both, replicas see each other by Leases in the namespace of --service, and one that starts
    /// takes the latest samples from one that is ready. Without, or with --tls-cert-file, each replica
    /// begins empty.
    #[arg(long, env = "KUBE_VITALS_POD_NAME", value_name = "NAME")]
    pub pod_name: Option<String>,

    /// Address at which other replicas reach the pod we run in
    #[arg(long, env = "KUBE_VITALS_POD_IP", value_name = "ADDRESS")]
    pub pod_ip: Option<String>,
}

impl ReplicaArgs {
    /// `None` where neither is given, or where something is wrong.
    pub(in crate::config) fn read(&self, faults: &mut Faults) -> Option<Pod> {
        let name = self.pod_name.as_deref().filter(|typed| !typed.is_empty());
        let address = self.pod_ip.as_deref().filter(|typed| !typed.is_empty());
        match (name, address) {
            (Some(_), None) => faults.add("--pod-ip", "is needed beside --pod-name"),
            (None, Some(_)) => faults.add("--pod-name", "is needed beside --pod-ip"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        let name = faults.read("--pod-name", name?, dns_subdomain);
        let address = faults.read("--pod-ip", address?, plain);
        Some(Pod { name: name?, address: address? })
    }
}
