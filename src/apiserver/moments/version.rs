//! Versions as clients see them.
//!
//! A version means something to the process that made it alone, so it carries the process's tag:
//!
//! ```text
//! 63            20          0
//! ├─ revision ──┼─── tag ───┤   written in decimal, as Kubernetes versions are
//! ```

/// Bits of a served version that name the process. Two processes have the same name once in a
/// million; the rest holds milliseconds since 1970 until the year 2248.
const TAG_BITS: u32 = 20;

/// What tells the versions of this process from those of its other replicas and of its former lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag(u64);

/// A version that a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// None in particular: the newest.
    Unset,
    /// `0`: any that is at hand.
    Any,
    /// One of ours.
    Revision(u64),
    /// One that this process has not made.
    Foreign,
}

/// A version that no server could have made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid resource version: {0:?}")]
pub(crate) struct MalformedVersion(String);

impl Tag {
    /// The tag that is made from `random`.
    pub const fn from_random(random: u64) -> Self {
        Self(random & ((1 << TAG_BITS) - 1))
    }

    /// How `revision` is served.
    pub(crate) const fn served(self, revision: u64) -> u64 {
        revision << TAG_BITS | self.0
    }

    /// Reads what a client sent.
    pub(crate) fn read(self, text: &str) -> Result<Asked, MalformedVersion> {
        Ok(match text {
            "" => Asked::Unset,
            "0" => Asked::Any,
            _ => {
                let version: u64 = text.parse().map_err(|_| MalformedVersion(text.to_owned()))?;
                let is_ours = Self::from_random(version) == self;
                if is_ours { Asked::Revision(version >> TAG_BITS) } else { Asked::Foreign }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_served_version_is_known_again_and_only_by_its_maker() {
        let (ours, other) = (Tag::from_random(0xABCDE), Tag::from_random(0xABCDF));
        let served = ours.served(1_800_000_000_123).to_string();
        assert_eq!(ours.read(&served), Ok(Asked::Revision(1_800_000_000_123)));
        assert_eq!(other.read(&served), Ok(Asked::Foreign));
        assert!(ours.served(8) > ours.served(7), "versions grow as revisions do");
    }

    #[test]
    fn a_served_version_fits_in_the_signed_numbers_of_other_languages() {
        let year_2200 = 7_258_118_400_000;
        assert!(i64::try_from(Tag::from_random(u64::MAX).served(year_2200)).is_ok());
    }

    #[test]
    fn what_is_no_number_is_no_version() {
        let tag = Tag::from_random(1);
        assert_eq!((tag.read(""), tag.read("0")), (Ok(Asked::Unset), Ok(Asked::Any)));
        for text in ["-1", "x", "1.5", "99999999999999999999"] {
            assert_eq!(tag.read(text), Err(MalformedVersion(text.to_owned())), "{text}");
        }
    }
}
