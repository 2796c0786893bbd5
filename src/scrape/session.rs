//! What a kubelet gave us to shake hands again without showing its certificate (RFC 8446, 2.2).
//!
//! When a cluster's network was away and comes back, every node shakes hands at once. A handshake that
//! goes on from an earlier session costs neither side a signature, nor us the look at a chain. It is
//! good only for the kubelet's process that gave it, and only while we trust and show what we did then:
//! the TLS library sees to both.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::client::{
    ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls12Resumption, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, NamedGroup};

/// The last ticket of one kubelet. The library's own memory would keep eight, and room for them.
#[derive(Default)]
pub(super) struct Session {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Which group it chose, so that no handshake is begun twice.
    group: Option<NamedGroup>,
    /// Good for the name that was verified then, and no other.
    ticket: Option<(ServerName<'static>, Box<Tls13ClientSessionValue>)>,
}

impl Session {
    /// `tls`, going on from this session.
    pub(super) fn resumed(self: &Arc<Self>, tls: &ClientConfig) -> Arc<ClientConfig> {
        let store: Arc<dyn ClientSessionStore> = Arc::<Self>::clone(self);
        let mut tls = tls.clone();
        tls.resumption = Resumption::store(store).tls12_resumption(Tls12Resumption::Disabled);
        Arc::new(tls)
    }
}

/// Tickets are secrets.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl ClientSessionStore for Session {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        self.known.lock().group = Some(group);
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.known.lock().group
    }

    fn insert_tls13_ticket(&self, server: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.known.lock().ticket = Some((server, Box::new(ticket)));
    }

    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let (_, ticket) = self.known.lock().ticket.take_if(|(giver, _)| giver == server)?;
        Some(*ticket)
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}
}
