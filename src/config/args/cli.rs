//! The command line as a whole.

use clap::{Args, Parser, Subcommand};

use super::{
    AuthenticationArgs, AuthorizationArgs, ClusterArgs, FileArgs, KubeletArgs, MemoryArgs, ReplicaArgs, ServingArgs,
    ShutdownArgs, TelemetryArgs,
};

const DEMO_EXAMPLE: &str = "  Try it with no cluster at all:
    kube-vitals demo

";

const EXAMPLES: &str = "  Serve, as a pod in the cluster (deploy/base does this):
    kube-vitals serve

  Serve from outside, against the cluster of a kubeconfig:
    kube-vitals serve --kubeconfig ~/.kube/config

Every flag of `serve` can also be set by an environment variable: --metric-resolution is
KUBE_VITALS_METRIC_RESOLUTION. The flag wins over the variable.

Exit codes: 0 stopped as asked, 1 could not start or go on, 2 wrong configuration.";

const SERVE_EXAMPLES: &str = "\
Durations are written as in Kubernetes: 15s, 1m30s, 500ms. Sizes: 16Mi, 1Gi or plain bytes.

Examples:
  Scrape each kubelet every 30 seconds, serve nothing older than 5 minutes:
    kube-vitals serve --metric-resolution 30s --max-sample-age 5m

  Kubelets with self-made certificates, of an authority that is in a file:
    kube-vitals serve --kubelet-certificate-authority /etc/kubelet-ca/ca.crt

  Traces of every request that kube-apiserver samples:
    kube-vitals serve --otlp-endpoint http://collector.observability:4318";

/// An aggregated metrics API for Kubernetes.
///
/// Watches nodes and pods, asks every kubelet, keeps the latest usage in memory and serves it
/// through the API aggregator: to `kubectl top`, to autoscalers, and to you.
///
/// `D` is the argument group of `demo`: it belongs to the simulated cluster, which this room does
/// not know.
#[derive(Debug, Parser)]
#[command(name = "kube-vitals", version, about, long_about = LONG_ABOUT, after_help = examples(), max_term_width = 100)]
pub struct Cli<D: Args> {
    /// What to do.
    #[command(subcommand)]
    pub command: Command<D>,
}

const LONG_ABOUT: &str = "\
An aggregated metrics API for Kubernetes.

Watches nodes and pods, asks every kubelet, keeps the latest usage in memory and serves it through
the API aggregator: to kubectl top, to autoscalers, and to you.";

/// Of what there is: what is shipped is without the simulated cluster.
fn examples() -> String {
    let demo = if cfg!(feature = "demo") { DEMO_EXAMPLE } else { "" };
    format!("Examples:\n{demo}{EXAMPLES}")
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command<D: Args> {
    /// Serve the API: in a cluster, or against one with --kubeconfig
    Serve(Box<ServeArgs>),
    /// Run a whole simulated cluster and serve it; needs nothing else
    #[command(hide = !cfg!(feature = "demo"))]
    Demo(D),
    /// Print the version
    Version,
}

/// Everything `serve` can be told.
#[derive(Clone, Debug, Parser)]
#[command(name = "kube-vitals serve", about = None, long_about = None, after_help = SERVE_EXAMPLES, max_term_width = 100)]
pub struct ServeArgs {
    /// Which cluster, behind which Service.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// How kubelets are asked.
    #[command(flatten)]
    pub kubelet: KubeletArgs,
    /// The TLS port.
    #[command(flatten)]
    pub serving: ServingArgs,
    /// Who asks.
    #[command(flatten)]
    pub authentication: AuthenticationArgs,
    /// May they.
    #[command(flatten)]
    pub authorization: AuthorizationArgs,
    /// This replica among others.
    #[command(flatten)]
    pub replicas: ReplicaArgs,
    /// How much memory there is.
    #[command(flatten)]
    pub memory: MemoryArgs,
    /// How the process stops.
    #[command(flatten)]
    pub shutdown: ShutdownArgs,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
    /// What one flag each would not hold.
    #[command(flatten)]
    pub file: FileArgs,
}
