//! What must not grow, however long it goes on.

use crate::simulated_faults::observer::Observer;
use crate::simulated_faults::process::Sizes;
use crate::simulated_faults::{BRIEF, LASTING, NODES, PASSING};

/// Pools of shared copies are not swept below this size (`src/cluster/intern.rs`); each machine under a new
/// name leaves one.
const UNSWEPT: f64 = 1024.0;

impl Observer {
    /// Pods and nodes that come and go, and connections to the API server, make some difference.
    pub(super) fn judge_sizes(&self, before: &Sizes) -> Result<(), String> {
        let after = self.process.sizes();
        let grown = before.kept.iter().zip(&after.kept).find(|((series, before), (_, after))| {
            let passing = f64::from(2 * PASSING + NODES * BRIEF);
            let most = if series.contains("_interned{") { UNSWEPT } else { before + passing };
            series.is_empty() || *after > most
        });
        if let Some(grown) = grown {
            return Err(format!("left behind: {grown:?}"));
        }
        if before.kept.is_empty() || after.kept.len() != before.kept.len() || after.tasks > before.tasks + 12 {
            return Err(format!("left behind: {after:?}, before {before:?}"));
        }
        println!("before: {before:?}\nafter: {after:?}");
        Ok(())
    }

    /// What is kept is what there is.
    pub(super) fn judge_records(&self) -> Result<(), String> {
        let kept = self.process.sizes().kept;
        let most = f64::from(NODES * (LASTING + BRIEF));
        let of_pods = ["kube_vitals_store_records{kind=\"pods\"}", "kube_vitals_cluster_objects{resource=\"pods\"}"];
        let pods = kept.iter().filter(|(series, _)| of_pods.contains(&series.as_str()));
        let counts: Vec<f64> = pods.map(|(_, count)| *count).collect();
        let is_whole = counts.len() == 2 && counts.iter().all(|count| *count > 0.0 && *count <= most);
        if is_whole { Ok(()) } else { Err(format!("more is kept than there is: {kept:?}")) }
    }
}
