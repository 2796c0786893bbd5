//! Numbers drawn from a seed: the same thing draws the same number at any time and in any order.

use std::time::Duration;

/// The draw of one thing; its parts draw from [`Seed::part`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seed(u64);

impl Seed {
    /// The root of all draws of a scenario.
    pub(super) const fn new(seed: u64) -> Self {
        Self(spread(seed))
    }

    /// The draw of a numbered part of this thing.
    pub(super) const fn part(self, number: u64) -> Self {
        Self(spread(self.0 ^ spread(number)))
    }

    /// A number below `limit`; zero if `limit` is.
    pub(super) fn below(self, limit: u64) -> u64 {
        self.0.checked_rem(limit).unwrap_or(0)
    }

    /// A length of time from `shortest` to `longest`, in whole milliseconds.
    pub(super) fn between(self, shortest: Duration, longest: Duration) -> Duration {
        let width = longest.saturating_sub(shortest).as_millis();
        shortest + Duration::from_millis(self.below(u64::try_from(width).unwrap_or(u64::MAX - 1) + 1))
    }

    /// All bits of it.
    pub(super) const fn bits(self) -> u64 {
        self.0
    }
}

/// The finishing step of `SplitMix64`: neighbouring inputs give unrelated outputs.
const fn spread(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_draw_apart_and_always_alike() {
        let seed = Seed::new(7);
        assert_eq!(seed.part(1), Seed::new(7).part(1));
        assert_ne!(seed.part(1), seed.part(2));
        assert_ne!(seed.part(1).part(2), seed.part(2).part(1));
    }

    #[test]
    fn draws_stay_inside_their_bounds() {
        let (low, high) = (Duration::from_millis(5), Duration::from_millis(8));
        let drawn: Vec<_> = (0..200).map(|number| Seed::new(1).part(number).between(low, high)).collect();
        assert!(drawn.iter().all(|time| (low..=high).contains(time)));
        assert!(drawn.contains(&low) && drawn.contains(&high));
        assert_eq!(Seed::new(1).below(0), 0);
    }
}
