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

    /// Divide the nodes among all replicas: each kubelet is asked by one of them, which tells the others
    ///
    /// Worth it where kubelets or the network between feel that each replica asks; docs/replicas.md tells
    /// what it costs. Needs --pod-name and --pod-ip, and goes without --tls-cert-file.
    #[arg(
        long,
        env = "KUBE_VITALS_SCRAPE_SHARING",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value = "false"
    )]
    pub scrape_sharing: String,
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

    /// Whether scrapes are shared, which takes what makes replicas known to each other.
    pub(in crate::config) fn shares(&self, pod: Option<&Pod>, certificate_is_given: bool, faults: &mut Faults) -> bool {
        const FLAG: &str = "--scrape-sharing";
        let shares = faults.read(FLAG, &self.scrape_sharing, plain) == Some(true);
        if shares && pod.is_none() {
            faults
                .add(FLAG, "needs --pod-name and --pod-ip, by which replicas find each other (deploy/base sets them)");
        }
        if shares && certificate_is_given {
            let why = "replicas know each other by the authority of our own certificates; leave out one of the two";
            faults.add(FLAG, format!("does not go with --tls-cert-file: {why}"));
        }
        shares
    }
}
