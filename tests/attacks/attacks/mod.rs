//! All attacks, each with what it may cost at most.

mod connections;
mod http1;
mod http2;
mod requests;

use futures::future::BoxFuture;

use crate::attacker::Attacker;
use crate::bounds::{Bounds, active, passive};

/// One attack.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) attack: fn(Attacker) -> BoxFuture<'static, ()>,
    pub(crate) bounds: Bounds,
}

macro_rules! case {
    ($name:literal, $attack:path, $bounds:expr) => {
        Case { name: $name, attack: |attacker| Box::pin($attack(attacker)), bounds: $bounds }
    };
}

/// In the order of what the attacker needs: a socket, a handshake, a request, an account.
pub(crate) const ALL: &[Case] = &[
    case!("half open TCP", connections::half_open_tcp, passive(200, 8)),
    case!("half open TLS", connections::half_open_tls, passive(200, 16)),
    case!("random bytes", connections::random_bytes, active(50, 16)),
    case!("handshake flood", connections::handshake_flood, active(50, 16)),
    case!("hostile chains", connections::hostile_chains, active(50, 16)),
    case!("many connections of one peer", connections::many, active(200, 32).with_refusals()),
    case!("slow heads", http1::slow_heads, passive(1000, 16)),
    case!("slow bodies", http1::slow_bodies, passive(200, 16)),
    case!("header flood", http1::header_flood, active(20, 32)),
    case!("long heads held", http1::long_heads_held, active(200, 48)),
    case!("rapid reset", http2::rapid_reset, active(5000, 32)),
    case!("stream flood", http2::stream_flood, active(1000, 64)),
    case!("continuation flood", http2::continuation_flood, active(1000, 32)),
    case!("ping and settings flood", http2::ping_and_settings_flood, active(1000, 32)),
    case!("answers that nobody reads", http2::unread_answers, active(100, 96)),
    case!("short answers that nobody reads", http2::unread_short_answers, active(5000, 64).with_shedding()),
    case!("windows of one byte", http2::tiny_windows, active(1000, 64)),
    case!("decompression bombs", requests::bombs, active(20, 32)),
    case!("strangers on new paths", requests::strangers, active(400, 16).with_shedding()),
    case!("new wrong tokens", requests::wrong_tokens, active(400, 16).with_shedding()),
    case!("forbidden user", requests::forbidden_user, active(400, 16).with_shedding()),
    case!("long and deep selectors", requests::selectors, active(20, 32)),
    case!("lists by 64 clients", requests::lists, active(64, 96)),
    // A thousand of them, each with what waits to be sent (128 KiB), two chunks of 32 KiB and its own.
    case!("1,500 watches", http2::watches, active(1500, 224).with_shedding()),
];
