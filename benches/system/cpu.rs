//! CPU time by thread, as the scheduler counts it.

use std::fs;

/// The thread that asks the kubelets.
const SCRAPER: &str = "scraper";

/// CPU time in seconds of all threads of process `id` but the one that scrapes.
pub(crate) fn answering_seconds(id: u32) -> Result<f64, String> {
    let folder = format!("/proc/{id}/task");
    let mut nanoseconds = 0;
    for thread in fs::read_dir(&folder).map_err(|error| format!("{folder}: {error}"))?.flatten() {
        let read = |name: &str| fs::read_to_string(thread.path().join(name)).unwrap_or_default();
        if read("comm").trim() != SCRAPER {
            nanoseconds += read("schedstat").split(' ').next().and_then(|time| time.parse().ok()).unwrap_or(0_u64);
        }
    }
    Ok(nanoseconds as f64 / 1e9)
}
