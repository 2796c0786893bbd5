//! What a demo says when it is up: what runs where, and what to try.

use std::path::Path;

use crate::sim::control_plane::Account;
use crate::sim::demo::stage::Stage;

/// The text, some twenty lines.
pub(super) fn announcement(stage: &Stage, kubeconfig: &Path, ca: &Path) -> String {
    let scenario = stage.world.scenario();
    let front = stage.control_plane.address();
    let kubelets = stage.fleet.port();
    let first = stage.world.nodes().next().map(|node| node.address.to_string()).unwrap_or_default();
    let pods = scenario.nodes * scenario.pods_per_node;
    let faults: String =
        scenario.faults.iter().map(|(node, fault)| format!("\n  fault        node-{node}: {fault}")).collect();
    let server = stage.server.address();
    let token = stage.control_plane.token(Account::Viewer);
    let (config, ca) = (kubeconfig.display(), ca.display());
    let flags = stage.serve_flags.join(" ");
    format!(
        "\
A simulated cluster runs: {nodes} nodes with {pods} pods that come and go.
  Kubernetes   https://{front}   API server and aggregating front
  kube-vitals  https://{server}   behind the front; started with
               {flags}
  kubelets     https://{first}:{kubelets}   and so on, one address per node{faults}

Try, in another terminal:
  export KUBECONFIG={config}
  kubectl top nodes
  kubectl top pods -A
  kubectl get --raw /apis/custom.example.com/v1/healthz
  kubectl get --raw /apis/custom.example.com/v1/pods | head -c 600
  kubectl get --raw /apis/custom.example.com/v1/nodescrapes | head -c 600
  kubectl --context guest top nodes   # may not

Without kubectl:
  curl --cacert {ca} -H 'Authorization: Bearer {token}' \\
    https://{front}/apis/metrics.k8s.io/v1beta1/nodes

Ctrl-C ends it.",
        nodes = scenario.nodes,
    )
}
