//! Flag: the file for what is structured.

use clap::Args;

use crate::config::fault::Faults;
use crate::config::file;
use crate::config::settings::Export;
use crate::config::value::given;

/// What one flag each would not hold.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Configuration file")]
pub struct FileArgs {
    /// YAML file with the engines that usage is sent to: docs/export.md
    ///
    /// Unknown keys are refused. The file is read once, at the start.
    #[arg(long, env = "KUBE_VITALS_CONFIG", value_name = "FILE")]
    pub config: Option<String>,
}

impl FileArgs {
    /// `variable` tells the environment, which labels may name.
    pub(in crate::config) fn read(
        &self,
        variable: &impl Fn(&str) -> Option<String>,
        faults: &mut Faults,
    ) -> Option<Export> {
        match given(self.config.as_deref()) {
            Some(path) => file::read(&path, variable, faults),
            None => Some(Export::default()),
        }
    }
}
