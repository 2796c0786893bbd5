//! Memory while many list all pods at once, and while some do not read what they asked for.

use std::fs;
use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;

use crate::answers::LIST_PATH;
use crate::client::{Connection, Door, Protocol};
use crate::usage_of;

/// Who list at once, and how often each does.
const CLIENTS: usize = 4;
const LISTS: usize = 3;
/// Who take the first bytes of a list and no more for a while.
const SLOW: usize = 32;
const PAUSE: Duration = Duration::from_secs(3);

/// Lists all pods by several clients at once and prints the peak against the memory at rest; then
/// what clients that do not read cost.
pub(crate) async fn lists(door: &Door, id: u32) -> Result<(), String> {
    let rest = usage_of::resident_bytes(id)? as f64;
    forget_peak(id)?;
    let begun = Instant::now();
    let mut listing = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let mut connection = door.connect(Protocol::Http2).await?;
        listing.spawn(async move {
            for _ in 0..LISTS {
                connection.drain(LIST_PATH).await?;
            }
            Ok::<_, String>(())
        });
    }
    while let Some(listed) = listing.join_next().await {
        listed.map_err(|error| error.to_string())??;
    }
    let peak = usage_of::peak_resident_bytes(id)? as f64;
    println!(
        "{CLIENTS} clients list all pods {LISTS} times: {:.2} s, resident {:.1} MiB before, {:.1} MiB at most: {:.2} times",
        begun.elapsed().as_secs_f64(),
        mebi(rest),
        mebi(peak),
        peak / rest
    );
    slow_readers(door, id).await
}

async fn slow_readers(door: &Door, id: u32) -> Result<(), String> {
    forget_peak(id)?;
    let before = usage_of::resident_bytes(id)? as f64;
    let mut held = Vec::new();
    for _ in 0..SLOW {
        let mut connection: Connection = door.connect(Protocol::Http1).await?;
        let mut body = connection.get(LIST_PATH).await?.into_body();
        let _begun = body.frame().await;
        held.push((connection, body));
    }
    tokio::time::sleep(PAUSE).await;
    let peak = usage_of::peak_resident_bytes(id)? as f64;
    println!("{SLOW} clients that do not read on: {:.0} KiB each at most", (peak - before) / 1024.0 / SLOW as f64);
    Ok(())
}

/// The peak counts from here on.
fn forget_peak(id: u32) -> Result<(), String> {
    let file = format!("/proc/{id}/clear_refs");
    fs::write(&file, "5").map_err(|error| format!("{file}: {error}"))
}

fn mebi(bytes: f64) -> f64 {
    bytes / 1_048_576.0
}
