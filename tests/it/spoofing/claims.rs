//! What a caller may claim in headers, in the spellings of forgers.

use super::wire::{Header, Protocol};

/// The user that forgers want to be taken for.
pub(super) const SPOOFED: &str = "spoofed-root";

/// Headers of one request, and what they say when a front proxy writes them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) name: &'static str,
    headers: &'static [(&'static str, &'static [u8])],
    pub(super) says: Says,
    pub(super) impersonates: bool,
}

/// What the identity headers of a request say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// No user: they say nothing.
    Nothing,
    /// That the user is [`SPOOFED`], of the group that may do everything.
    Spoofed,
    /// A name that is no text.
    Garbage,
    /// The request as a whole is none.
    Malformed,
}

const USER: &[u8] = SPOOFED.as_bytes();
const MASTERS: &[u8] = b"system:masters";

/// Every way to claim; the first claims nothing.
pub(super) const CLAIMS: [Claim; 17] = [
    claim("nothing", &[], Says::Nothing),
    claim("as usual", &[("X-Remote-User", USER), ("X-Remote-Group", MASTERS)], Says::Spoofed),
    claim("in small letters", &[("x-remote-user", USER), ("x-remote-group", MASTERS)], Says::Spoofed),
    claim("in capitals", &[("X-REMOTE-USER", USER), ("X-REMOTE-GROUP", MASTERS)], Says::Spoofed),
    claim("in odd letters", &[("x-ReMoTe-uSeR", USER), ("X-rEMOTE-gROUP", MASTERS)], Says::Spoofed),
    claim(
        "doubled, empty first",
        &[("X-Remote-User", b""), ("X-Remote-User", USER), ("X-Remote-Group", MASTERS)],
        Says::Nothing,
    ),
    claim(
        "doubled",
        &[("X-Remote-User", USER), ("X-Remote-User", b"another"), ("X-Remote-Group", MASTERS)],
        Says::Spoofed,
    ),
    claim("groups without a user", &[("X-Remote-Group", MASTERS), ("X-Remote-Group", b"dev")], Says::Nothing),
    claim("with underscores", &[("X_Remote_User", USER), ("X_Remote_Group", MASTERS)], Says::Nothing),
    claim(
        "all that there is",
        &[
            ("X-Remote-User", USER),
            ("X-Remote-Uid", b"spoofed-uid"),
            ("X-Remote-Group", b"dev"),
            ("X-Remote-Group", MASTERS),
            ("X-Remote-Extra-Scopes", b"spoofed-scope"),
        ],
        Says::Spoofed,
    ),
    claim(
        "named as the connection's",
        &[("Connection", b"X-Remote-User"), ("X-Remote-User", USER), ("X-Remote-Group", MASTERS)],
        Says::Spoofed,
    ),
    claim("with a space at the end", &[("X-Remote-User ", USER), ("X-Remote-Group ", MASTERS)], Says::Malformed),
    claim("folded", &[("X-Remote-User", b"\r\n spoofed-root"), ("X-Remote-Group", MASTERS)], Says::Malformed),
    claim("not text", &[("X-Remote-User", b"spoofed-root\xff"), ("X-Remote-Group", MASTERS)], Says::Garbage),
    impersonation("impersonation", &[("Impersonate-User", USER), ("Impersonate-Group", MASTERS)], Says::Nothing),
    impersonation(
        "impersonation in odd letters",
        &[("ImPersonate-User", USER), ("IMPERSONATE-GROUP", MASTERS), ("impersonate-Extra-scopes", b"all")],
        Says::Nothing,
    ),
    impersonation(
        "both",
        &[("X-Remote-User", USER), ("X-Remote-Group", MASTERS), ("Impersonate-User", USER)],
        Says::Spoofed,
    ),
];

const fn claim(name: &'static str, headers: &'static [(&'static str, &'static [u8])], says: Says) -> Claim {
    Claim { name, headers, says, impersonates: false }
}

const fn impersonation(name: &'static str, headers: &'static [(&'static str, &'static [u8])], says: Says) -> Claim {
    Claim { name, headers, says, impersonates: true }
}

impl Claim {
    /// Whether `protocol` has a way to say it: HTTP/2 frames know neither odd spaces nor folding.
    pub(super) fn exists_in(&self, protocol: Protocol) -> bool {
        protocol == Protocol::Http1 || self.says != Says::Malformed
    }

    /// The headers, for `protocol`, which may have no capitals.
    pub(super) fn headers(&self, protocol: Protocol) -> Vec<Header> {
        let spelled = |name: &str| match protocol {
            Protocol::Http1 => name.to_owned(),
            Protocol::Http2 => name.to_ascii_lowercase(),
        };
        let headers = self.headers.iter().filter(|(name, _)| protocol == Protocol::Http1 || *name != "Connection");
        headers.map(|(name, value)| (spelled(name), value.to_vec())).collect()
    }
}
