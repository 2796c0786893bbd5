//! An OTLP collector that takes everything and keeps nothing.

use axum::Router;
use tokio::net::TcpListener;

/// Starts it; what `serve` has to be told to send it `per_million` of requests and scrapes.
pub(crate) async fn start(per_million: u32) -> Result<[String; 3], String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    // A body that is left unread would end the connection.
    let app = Router::new().fallback(async |_: axum::body::Bytes| ());
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok([
        format!("--otlp-endpoint=http://{address}"),
        format!("--tracing-sampling-rate-per-million={per_million}"),
        format!("--scrape-tracing-sampling-rate-per-million={per_million}"),
    ])
}
