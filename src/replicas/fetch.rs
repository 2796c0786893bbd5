//! Asking one replica, and the taking side of a hand-over from it.

use std::net::SocketAddr;

use http::header::ACCEPT;
use reqwest::Response;

use super::credentials::Credentials;
use super::error::Error;
use super::frames::Frames;
use super::message::{MEDIA_TYPE, NodeSamples};

/// Where replicas ask each other; of no meaning to anybody else.
pub(crate) const PATH: &str = "/replicas/samples";
/// A cluster of 5,000 nodes and 300,000 containers takes a sixth of it.
const MAX_BYTES: u64 = 256 << 20;

/// Asks the replica at `address`, which is to show the certificate of `name`, and gives each node's
/// samples to `take` as they come. How many bytes came, be it whole or broken off.
pub(super) async fn fetch(
    credentials: &Credentials,
    name: &str,
    address: SocketAddr,
    mut take: impl FnMut(NodeSamples),
    bytes: &mut u64,
) -> Result<(), Error> {
    let mut answer = open(credentials, name, address, MEDIA_TYPE).await?;
    let mut frames = Frames::default();
    while let Some(piece) = answer.chunk().await.map_err(Error::Unreachable)? {
        *bytes += piece.len() as u64;
        if *bytes > MAX_BYTES {
            return Err(Error::TooLarge(MAX_BYTES));
        }
        frames.push(&piece);
        while let Some(samples) = frames.next()? {
            take(samples);
        }
    }
    if frames.is_at_end() { Ok(()) } else { Err(Error::Truncated) }
}

/// The beginning of an answer in `media_type`.
pub(super) async fn open(
    credentials: &Credentials,
    name: &str,
    address: SocketAddr,
    media_type: &str,
) -> Result<Response, Error> {
    let client = credentials.client(name, address)?;
    let url = format!("https://{name}:{}{PATH}", address.port());
    let answer = client.get(url).header(ACCEPT, media_type).send().await.map_err(Error::Unreachable)?;
    match answer.status().as_u16() {
        200 => Ok(answer),
        406 => Err(Error::OtherVersion),
        status => Err(Error::Status(status)),
    }
}
