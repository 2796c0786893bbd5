//! An engine that takes samples slowly, and now and then not at all.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use http::StatusCode;
use tokio::net::TcpListener;

/// For one request; fewer samples are taken than come, so that some have to be dropped.
const SLOW: Duration = Duration::from_secs(1);
/// In a row that are taken, and then refused for the moment.
const TAKEN: u64 = 40;
const REFUSED: u64 = 5;

/// The engine, which runs as long as the runtime.
#[derive(Clone)]
pub(crate) struct Engine {
    pub(crate) address: SocketAddr,
    is_well: Arc<AtomicBool>,
}

impl Engine {
    /// Listens on loopback.
    pub(crate) async fn start() -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let (is_well, requests) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let well = Arc::clone(&is_well);
        let router = Router::new().fallback(async move |_body: Bytes| {
            if well.load(Ordering::Relaxed) {
                return StatusCode::NO_CONTENT;
            }
            tokio::time::sleep(SLOW).await;
            let is_taken = requests.fetch_add(1, Ordering::Relaxed) % (TAKEN + REFUSED) < TAKEN;
            if is_taken { StatusCode::NO_CONTENT } else { StatusCode::SERVICE_UNAVAILABLE }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, is_well })
    }

    /// From now on all is taken at once.
    pub(crate) fn recover(&self) {
        self.is_well.store(true, Ordering::Relaxed);
    }
}
