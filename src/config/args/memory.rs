//! Flag: how much memory there is.

use clap::Args;

use crate::config::fault::Faults;
use crate::config::value::byte_size;

/// Less is not enough for an empty cluster.
const MIN_LIMIT_BYTES: u64 = 16 << 20;

/// How much memory there is.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Memory")]
pub struct MemoryArgs {
    /// Memory that this process may use; without it, what its control group may, as Kubernetes sets it
    /// from the container's limit
    ///
    /// From 70% of it on, lists and watches go on only from what was answered within the last seconds;
    /// from 80% on, new watches and lists of more than 500 objects are answered 429.
    #[arg(long, env = "KUBE_VITALS_MEMORY_LIMIT", value_name = "SIZE")]
    pub memory_limit: Option<String>,
}

impl MemoryArgs {
    /// `None` where nothing was said, or something is wrong.
    pub(in crate::config) fn limit_bytes(&self, faults: &mut Faults) -> Option<u64> {
        let typed = self.memory_limit.as_deref().filter(|typed| !typed.is_empty())?;
        faults.read("--memory-limit", typed, limit)
    }
}

fn limit(typed: &str) -> Result<u64, String> {
    match byte_size(typed)? {
        small if small < MIN_LIMIT_BYTES => Err("must be 16Mi or more".to_owned()),
        limit => Ok(limit),
    }
}
