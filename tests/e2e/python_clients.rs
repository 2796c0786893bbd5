//! Clients of other makers, in Python: the programs and what they need are in `tests/clients`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio::task::block_in_place;

use crate::environment::Environment;
use crate::support::process::Process;

/// Some thousand requests.
const LIMIT: Duration = Duration::from_mins(3);
/// Of a long report, the end says what it was.
const TOLD_LINES: usize = 60;

type Checked = Result<(), String>;

/// Why they cannot run here.
pub(crate) fn lacking() -> Option<String> {
    (!python().exists()).then(|| "Python clients are not installed: run tests/clients/install".to_owned())
}

/// The `kubernetes` package lists, gets, selects, pages, watches and asks for a bare path.
pub(crate) async fn the_python_client_reads_everything(e: &Environment) -> Checked {
    let kubeconfig = e.control_plane.kubeconfig("admin")?;
    let said = run(e, "read.py", &[&kubeconfig.to_string_lossy()])?;
    said.lines().for_each(|line| println!("  {line}"));
    Ok(())
}

/// Whatever our OpenAPI allows, and what it does not, is answered with what it tells or a Status.
pub(crate) async fn a_fuzzer_finds_nothing_that_our_openapi_does_not_tell(e: &Environment) -> Checked {
    let authority = e.folder.join("authority.pem");
    std::fs::write(&authority, &e.authority_pem).map_err(|error| error.to_string())?;
    let port = e.replicas.port().to_string();
    let said = run(e, "fuzz.py", &[&port, &authority.to_string_lossy(), "admin-token"])?;
    let told = |line: &&str| line.starts_with("==") && !line.ends_with('=') || line.contains("generated");
    said.lines().filter(told).for_each(|line| println!("  {}", line.trim()));
    Ok(())
}

/// Standard output of a program that succeeds; else the end of it.
fn run(e: &Environment, program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = e.folder.join(format!("{program}.log"));
    let log = std::fs::File::create(&output).map_err(|error| error.to_string())?;
    let also = log.try_clone().map_err(|error| error.to_string())?;
    let mut command = Command::new(python());
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(program))
        .args(arguments)
        .current_dir(&e.folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdout(log)
        .stderr(also);
    let status = block_in_place(|| Process::start(program, &mut command)?.ended(LIMIT))?;
    let said = std::fs::read_to_string(&output).map_err(|error| error.to_string())?;
    if status.success() {
        return Ok(said);
    }
    let lines: Vec<_> = said.lines().collect();
    let end = lines.get(lines.len().saturating_sub(TOLD_LINES)..).unwrap_or_default().join("\n");
    Err(format!("{program} ended with {status}:\n{end}"))
}

fn python() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients/venv/bin/python")
}
