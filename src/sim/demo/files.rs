//! The files of a demo: kubeconfigs and the kubelets' authority, in a folder that goes with it.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use uuid::Uuid;

/// A folder of the demo's own. Nobody else may read it, since tokens are in it; it is removed when
/// dropped.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn create() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("kube-vitals-demo-{}", Uuid::new_v4().simple()));
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    /// The path of a file in it, whether it is there or not.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "the demo's files could not be removed");
        }
    }
}

/// Writes a file that only its owner may read.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

/// A kubeconfig with a context for each of `users` (name and token); the first is the current one.
pub(super) fn kubeconfig(server: SocketAddr, ca_pem: &str, users: &[(&str, &str)]) -> String {
    let named = |name: &str, kind: &str, value: Value| json!({"name": name, kind: value});
    let cluster = json!({
        "server": format!("https://{server}"),
        "certificate-authority-data": BASE64_STANDARD.encode(ca_pem),
    });
    let contexts = users.iter().map(|(name, _)| named(name, "context", json!({"cluster": "demo", "user": name})));
    let users_named = users.iter().map(|(name, token)| named(name, "user", json!({"token": token})));
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [named("demo", "cluster", cluster)],
        "contexts": contexts.collect::<Vec<_>>(),
        "users": users_named.collect::<Vec<_>>(),
        "current-context": users.first().map(|(name, _)| name),
    });
    // JSON is YAML, and every reader of kubeconfigs takes it.
    format!("{config:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubeconfig_is_read_by_kubernetes_clients() {
        let address = SocketAddr::from(([127, 0, 0, 1], 6443));
        let text = kubeconfig(address, "PEM", &[("admin", "secret"), ("viewer", "other")]);
        let config = kube::config::Kubeconfig::from_yaml(&text).unwrap();
        assert_eq!(config.current_context.as_deref(), Some("admin"));
        assert_eq!(config.clusters[0].cluster.as_ref().unwrap().server.as_deref(), Some("https://127.0.0.1:6443"));
        assert_eq!(config.contexts.len(), 2);
    }

    #[test]
    fn the_folder_goes_with_its_files() {
        let folder = Folder::create().unwrap();
        let path = folder.path("kubeconfig");
        write(&path, "text").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
        drop(folder);
        assert!(!path.exists());
    }
}
