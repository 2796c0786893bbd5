//! Flags: which cluster, behind which Service, under which group.

use std::path::PathBuf;

use clap::Args;

use crate::config::content::Content;
use crate::config::fault::Faults;
use crate::config::settings::{ApiGroups, Service};
use crate::config::value::{dns_label, dns_subdomain, given, list};

/// What `--serve-groups` calls our own group, whatever `--api-group` names it.
const OWN: &str = "own";
/// The group that today's consumers read.
const METRICS: &str = "metrics.k8s.io";

/// Which cluster is watched and what we are called in it.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterArgs {
    /// Kubeconfig file of the API server to watch; without it, the one this pod runs under
    #[arg(long, env = "KUBE_VITALS_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<String>,

    /// The Service in front of this process: names its certificate, and finds the APIServices
    /// whose caBundle it sets
    #[arg(long, env = "KUBE_VITALS_SERVICE", value_name = "NAMESPACE/NAME", default_value = "custom-api/custom-api")]
    pub service: String,

    /// Name of our own API group
    #[arg(long, env = "KUBE_VITALS_API_GROUP", value_name = "GROUP", default_value = "custom.example.com")]
    pub api_group: String,

    /// API groups to serve, comma-separated: own is the one that --api-group names, metrics.k8s.io the
    /// one that kubectl top and the autoscalers read
    ///
    /// A group that is left out answers 404 and is in no discovery; remove its APIServices as well, or
    /// the aggregator takes them for broken.
    #[arg(long, env = "KUBE_VITALS_SERVE_GROUPS", value_name = "GROUPS", default_value = "own,metrics.k8s.io")]
    pub serve_groups: String,

    /// Label selector of the nodes that are scraped and served; empty means all
    #[arg(short = 'l', long, env = "KUBE_VITALS_NODE_SELECTOR", value_name = "SELECTOR", default_value = "")]
    pub node_selector: String,
}

impl ClusterArgs {
    pub(in crate::config) fn kubeconfig(&self, faults: &mut Faults) -> Option<PathBuf> {
        faults.file("--kubeconfig", given(self.kubeconfig.as_deref()), Content::Any)
    }

    pub(in crate::config) fn service(&self, faults: &mut Faults) -> Option<Service> {
        faults.read("--service", &self.service, |typed| {
            let (namespace, name) =
                typed.split_once('/').ok_or("must be NAMESPACE/NAME, e.g. custom-api/custom-api")?;
            Ok(Service { namespace: dns_label(namespace)?, name: dns_label(name)? })
        })
    }

    pub(in crate::config) fn api_groups(&self, faults: &mut Faults) -> Option<ApiGroups> {
        let own = self.own_group(faults);
        let served = faults.read("--serve-groups", &self.serve_groups, |typed| {
            let names: Vec<_> = list(typed).collect();
            match names.iter().find(|name| ![OWN, METRICS].contains(name)) {
                Some(unknown) => Err(format!("{unknown:?} is none of {OWN}, {METRICS}")),
                None if names.is_empty() => Err(format!("must name one or more of {OWN}, {METRICS}")),
                None => Ok((names.contains(&OWN), names.contains(&METRICS))),
            }
        });
        let ((serves_own, metrics), own) = (served?, own?);
        Some(ApiGroups { own: serves_own.then_some(own), metrics })
    }

    fn own_group(&self, faults: &mut Faults) -> Option<String> {
        faults.read("--api-group", &self.api_group, |typed| {
            let group = dns_subdomain(typed)?;
            if !group.contains('.') {
                return Err("must hold a dot, e.g. custom.example.com: names without one belong to Kubernetes".into());
            }
            if group.ends_with(".k8s.io") || group.ends_with(".kubernetes.io") {
                return Err("k8s.io and kubernetes.io groups belong to Kubernetes".into());
            }
            Ok(group)
        })
    }
}
