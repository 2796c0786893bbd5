//! What a demo says when it is up: what runs where, and what to try.

use std::fmt::{self, Display, Formatter};
use std::path::Path;

use crate::sim::control_plane::Account;
use crate::sim::demo::stage::Stage;

/// The text, some thirty lines.
pub(super) struct Announcement<'a> {
    pub(super) stage: &'a Stage,
    pub(super) kubeconfig: &'a Path,
    pub(super) ca: &'a Path,
}

impl Display for Announcement<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.parts(f)?;
        self.commands(f)?;
        f.write_str("Ctrl-C ends it.\n")
    }
}

impl Announcement<'_> {
    fn parts(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let scenario = self.stage.world.scenario();
        let pods = scenario.nodes * scenario.pods_per_node;
        let (lasting, passing) = (scenario.nodes, scenario.passing_nodes);
        writeln!(f, "A simulated cluster of {lasting} nodes, {passing} more that joins and leaves, and up to {pods}")?;
        writeln!(f, "pods that come and go:")?;
        for (node, fault) in &scenario.faults {
            writeln!(f, "  (node-{node}: {fault})")?;
        }
        let first = self.stage.world.nodes().next().map(|node| node.address.to_string()).unwrap_or_default();
        writeln!(f, "  kubelets     https://{first}:{} and so on, one address per node", self.stage.fleet.port())?;
        writeln!(f, "  Kubernetes   https://{}: API and aggregating front", self.stage.control_plane.address())?;
        writeln!(f, "  kube-vitals  https://{}: behind the front, started as", self.stage.server_address)?;
        write!(f, "    kube-vitals serve")?;
        for typed in &self.stage.serve_flags {
            let separator = if typed.starts_with("--") { " \\\n      " } else { " " };
            write!(f, "{separator}{typed}")?;
        }
        writeln!(f, "\n")
    }

    fn commands(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let front = self.stage.control_plane.address();
        let token = self.stage.control_plane.token(Account::Viewer);
        let own = "/apis/custom.example.com/v1";
        writeln!(f, "Try, in another terminal:")?;
        writeln!(f, "  export KUBECONFIG={}", self.kubeconfig.display())?;
        writeln!(f, "  kubectl top nodes")?;
        writeln!(f, "  kubectl top pods -A")?;
        writeln!(f, "  kubectl get --raw {own}/healthz")?;
        writeln!(f, "  kubectl get --raw {own}/pods | head -c 600")?;
        writeln!(f, "  kubectl get --raw {own}/nodescrapes | head -c 600")?;
        writeln!(f, "  kubectl --context guest top nodes   # who may not")?;
        writeln!(f, "or without kubectl:")?;
        writeln!(f, "  curl --cacert {} -H 'Authorization: Bearer {token}' \\", self.ca.display())?;
        writeln!(f, "    https://{front}/apis/metrics.k8s.io/v1beta1/nodes\n")
    }
}
