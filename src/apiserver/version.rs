//! `/version`, in the form that every Kubernetes client reads.

use serde_json::{Value, json};

/// What is running. Fields that a Go program would fill are there, since clients require them.
pub(crate) fn document() -> Value {
    let version = env!("CARGO_PKG_VERSION");
    json!({
        "major": env!("CARGO_PKG_VERSION_MAJOR"),
        "minor": env!("CARGO_PKG_VERSION_MINOR"),
        "gitVersion": format!("v{version}"),
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "",
        "goVersion": "",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}
