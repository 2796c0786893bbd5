//! A store that takes whatever it is sent, and keeps nothing.

use std::net::SocketAddr;

use axum::Router;
use http::StatusCode;
use tokio::net::TcpListener;

/// Listens on a loopback port until the runtime ends.
pub(crate) async fn start() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let router = Router::new().fallback(async |_body: axum::body::Bytes| StatusCode::NO_CONTENT);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}
