//! HTTP/2 by hand, for what no library would send.

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::attacker::{Attacker, HTTP2};
use crate::support::simulation::SERVER_NAME;

pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection on which the preface and `settings` were sent.
pub(crate) async fn open(attacker: &Attacker, settings: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
    let mut stream = attacker.tls(HTTP2).await?;
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, settings)].concat()).await?;
    stream.flush().await?;
    Ok(stream)
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The header block of a GET.
pub(crate) fn get(path: &str, token: Option<&str>) -> Vec<u8> {
    // :method GET and :scheme https; :path, :authority and authorization as literals without a place
    // in the table.
    let mut block = vec![0x82, 0x87, 0x04];
    literal(&mut block, path.as_bytes());
    block.push(0x01);
    literal(&mut block, SERVER_NAME.as_bytes());
    if let Some(token) = token {
        block.extend([0x0f, 23 - 15]);
        literal(&mut block, format!("Bearer {token}").as_bytes());
    }
    block
}

/// A header of a few bytes, as part of a block.
pub(crate) fn small_header() -> Vec<u8> {
    let mut block = vec![0x00];
    literal(&mut block, b"x-a");
    literal(&mut block, b"b");
    block
}

/// A string: its length with a prefix of seven bits, then itself.
fn literal(block: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text.len();
    if rest < 127 {
        block.push(rest as u8);
    } else {
        block.push(127);
        rest -= 127;
        while rest >= 128 {
            block.push((rest % 128) as u8 | 128);
            rest /= 128;
        }
        block.push(rest as u8);
    }
    block.extend_from_slice(text);
}
