//! `deploy/` as an operator applies it, with the one change that this machine needs: the Service is
//! an `ExternalName` to loopback, since endpoints may not hold loopback addresses. The name that the
//! aggregator verifies stays `<service>.<namespace>.svc`.

use std::fs;
use std::path::Path;

use super::kubectl::Kubectl;

/// Renders the overlay that also stands in for metrics-server, and applies it.
pub(crate) fn apply(kubectl: &Kubectl, folder: &Path, port: u16) -> Result<(), String> {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    let overlay = folder.join("overlay");
    copy(&deploy, &folder.join("deploy"))?;
    fs::create_dir_all(&overlay).map_err(|error| error.to_string())?;
    fs::write(overlay.join("kustomization.yaml"), kustomization(port)).map_err(|error| error.to_string())?;
    let manifest = kubectl.run(&["kustomize", &overlay.to_string_lossy()])?;
    kubectl.apply(&manifest).map(|_| ())
}

fn kustomization(port: u16) -> String {
    let service = r#"[{"op":"replace","path":"/spec","value":{"type":"ExternalName","externalName":"localhost"}}]"#;
    let dialled = format!(r#"[{{"op":"add","path":"/spec/service/port","value":{port}}}]"#);
    format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1\n\
         kind: Kustomization\n\
         resources: [../deploy/metrics-server-replacement]\n\
         patches:\n\
         - target: {{kind: Service, name: custom-api}}\n\
         \x20 patch: '{service}'\n\
         - target: {{kind: APIService}}\n\
         \x20 patch: '{dialled}'\n"
    )
}

/// kustomize reads no files outside of its root by absolute path, so the manifests come along.
fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let text = |error: std::io::Error| format!("{}: {error}", from.display());
    fs::create_dir_all(to).map_err(text)?;
    for entry in fs::read_dir(from).map_err(text)? {
        let entry = entry.map_err(text)?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target).map_err(text)?;
        }
    }
    Ok(())
}

/// A kubeconfig for the server under test, as the service account that `deploy/` gives it: what it
/// lacks in rights shows here.
pub(crate) fn server_kubeconfig(kubectl: &Kubectl, admin: &Path, file: &Path) -> Result<String, String> {
    let account = ["-n", "custom-api", "create", "token", "custom-api-server", "--duration", "3h"];
    let token = kubectl.run(&account)?.trim().to_owned();
    fs::copy(admin, file).map_err(|error| error.to_string())?;
    let server = kubectl.with_kubeconfig(file);
    server.run(&["config", "set-credentials", "server", &format!("--token={token}")])?;
    server.run(&["config", "set-context", "--current", "--user=server"])?;
    Ok(token)
}
