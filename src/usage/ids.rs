//! Names, cheap to clone and to compare.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The same copy of the name.
            pub fn shared(&self) -> Arc<str> {
                Arc::clone(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Arc::from(text))
            }
        }

        impl From<Arc<str>> for $name {
            fn from(text: Arc<str>) -> Self {
                Self(text)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// Name of a node.
    NodeName
}

name! {
    /// Name of a container inside its pod.
    ContainerName
}

/// Namespace and name of a pod; ordered as lists are served: by namespace, then name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodKey {
    /// The pod's namespace.
    pub namespace: Arc<str>,
    /// The pod's name.
    pub name: Arc<str>,
}

impl PodKey {
    /// A key of its own copies of both names.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: Arc::from(namespace), name: Arc::from(name) }
    }
}

impl fmt::Display for PodKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// An object's uid: tells a pod from a later one of the same name. Sixteen bytes beside no heap,
/// since every uid the API server makes is a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Uid(u128);

impl Uid {
    /// Reads a uid. Text that is no UUID (a foreign server's) is folded into the same space.
    pub fn parse(text: &str) -> Self {
        let hex_digits = text.bytes().filter(|byte| *byte != b'-');
        let value = hex_digits.clone().try_fold((0_u128, 0_u8), |(value, count), byte| {
            let digit = char::from(byte).to_digit(16)?;
            (count < 32).then_some(((value << 4) | u128::from(digit), count + 1))
        });
        match value {
            Some((value, 32)) => Self(value),
            _ => Self(fold(text)),
        }
    }

    /// For another process.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// What another process told.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

/// As the API server writes a UUID.
impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:032x}", self.0);
        let (mut rest, mut separator) = (digits.as_str(), "");
        for length in [8, 4, 4, 4, 12] {
            let (group, tail) = rest.split_at(length);
            write!(f, "{separator}{group}")?;
            (rest, separator) = (tail, "-");
        }
        Ok(())
    }
}

/// FNV-1a over 128 bits: stable over runs, spread widely enough for uids of one name.
fn fold(text: &str) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    text.bytes().fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_order_by_namespace_then_name() {
        let mut keys = [PodKey::new("b", "a"), PodKey::new("a", "b"), PodKey::new("a", "a")];
        keys.sort();
        assert_eq!(keys.map(|key| key.to_string()), ["a/a", "a/b", "b/a"]);
    }

    #[test]
    fn uids_differ_whether_they_are_uuids_or_not() {
        let uuid = Uid::parse("a710ab91-0a3a-4a23-abf0-72c8f39b8775");
        assert_eq!(uuid, Uid::parse("a710ab910a3a4a23abf072c8f39b8775"));
        assert_ne!(uuid, Uid::parse("a710ab91-0a3a-4a23-abf0-72c8f39b8776"));
        assert_ne!(Uid::parse("pod-1"), Uid::parse("pod-2"));
        assert_ne!(Uid::parse(""), Uid::parse("0"));
    }

    #[test]
    fn a_uid_is_written_as_it_was_read() {
        for text in ["a710ab91-0a3a-4a23-abf0-72c8f39b8775", "00000000-0000-4000-8000-000000000001"] {
            assert_eq!(Uid::parse(text).to_string(), text);
        }
    }
}
