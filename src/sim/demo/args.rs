//! Flags of `demo`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use crate::sim::demo::DemoError;
use crate::sim::{Fault, Scenario};

/// What is simulated, and for how long.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// Nodes of the cluster
    #[arg(long, value_name = "NUMBER", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=5000))]
    pub nodes: u32,

    /// Pods on each node
    #[arg(long, value_name = "NUMBER", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=110))]
    pub pods_per_node: u32,

    /// The server's --metric-resolution
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    pub resolution: String,

    /// Port of the simulated Kubernetes API on 127.0.0.1; 0 = any free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub port: u16,

    /// What is wrong with a node's kubelet, e.g. 2=hang; may be repeated
    ///
    /// Nodes count from 0. Faults: hang, slow-drip, reset, status-CODE, wrong-certificate,
    /// redirect, half-body, garbage, huge-body, gzip-bomb, duplicate-series, clock-off,
    /// scrape-error-only.
    #[arg(long, value_name = "NODE=FAULT")]
    pub fault: Vec<NodeFault>,

    /// Compare every answered number with the curve it came from, then end: exit 0 if all are
    /// equal, 1 if not
    #[arg(long)]
    pub check: bool,

    /// Where to write the kubeconfig; without it, a file that is removed at the end
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Another seed, another cluster of the same kind
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,

    /// End by itself after this time, e.g. 2m
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub lasts: Option<Duration>,

    /// Further flags for the server, after --
    #[arg(last = true, value_name = "SERVE FLAGS")]
    pub serve_flags: Vec<String>,
}

/// A node's index and what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeFault {
    /// From 0.
    pub node: u32,
    /// What is wrong.
    pub fault: Fault,
}

impl FromStr for NodeFault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (node, fault) = text.split_once('=').ok_or("write it as NODE=FAULT, e.g. 2=hang")?;
        let node = node.parse().map_err(|_| format!("{node:?} is no node's number"))?;
        let fault = fault.parse().map_err(|error: crate::sim::UnknownFault| error.to_string())?;
        Ok(Self { node, fault })
    }
}

impl DemoArgs {
    /// What is to be simulated.
    ///
    /// # Errors
    /// When a fault is to be at a node that is not there.
    pub(super) fn scenario(&self) -> Result<Scenario, DemoError> {
        if let Some(stray) = self.fault.iter().find(|fault| fault.node >= self.nodes) {
            return Err(DemoError::NoSuchNode { node: stray.node, nodes: self.nodes });
        }
        let scenario =
            Scenario { seed: self.seed, nodes: self.nodes, pods_per_node: self.pods_per_node, ..Scenario::demo() };
        let faults = self.fault.iter();
        Ok(faults.fold(scenario, |scenario, NodeFault { node, fault }| scenario.with_fault(*node, *fault)))
    }
}

/// A duration in Kubernetes' form.
fn duration(text: &str) -> Result<Duration, String> {
    let parsed: kube::core::Duration = text.parse().map_err(|_| "write it as 90s, 2m or 1h30m".to_owned())?;
    if text.starts_with('-') { Err("it must not be negative".to_owned()) } else { Ok(parsed.into()) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        args: DemoArgs,
    }

    fn typed(flags: &[&str]) -> Result<DemoArgs, clap::Error> {
        Typed::try_parse_from(std::iter::once(&"demo").chain(flags)).map(|typed| typed.args)
    }

    #[test]
    fn flags_become_a_scenario() {
        let args = typed(&["--nodes", "9", "--fault", "2=hang", "--fault", "8=status-403", "--for", "1m30s"]).unwrap();
        let scenario = args.scenario().unwrap();
        assert_eq!((scenario.nodes, scenario.faults[&8]), (9, Fault::Status(403)));
        assert_eq!(args.lasts, Some(Duration::from_secs(90)));
    }

    #[test]
    fn flags_after_the_dashes_are_the_servers() {
        let args = typed(&["--check", "--", "--log-format", "json"]).unwrap();
        assert!(args.check);
        assert_eq!(args.serve_flags, ["--log-format", "json"]);
    }

    #[test]
    fn a_fault_at_a_node_that_is_not_there_is_refused() {
        let stray = typed(&["--nodes", "3", "--fault", "3=hang"]).unwrap().scenario();
        assert!(matches!(stray, Err(DemoError::NoSuchNode { node: 3, nodes: 3 })));
    }

    #[test]
    fn wrong_flags_are_refused() {
        for wrong in [
            ["--nodes", "0"],
            ["--nodes", "6000"],
            ["--fault", "hang"],
            ["--fault", "x=hang"],
            ["--fault", "1=sleep"],
            ["--for", "soon"],
            ["--for", "-1s"],
        ] {
            assert!(typed(&wrong).is_err(), "{wrong:?}");
        }
    }
}
