//! Which nodes one replica asks, where several divide them: pure arithmetic on names.
//!
//! Each node goes to the replica whose name draws the highest number together with its own (rendezvous
//! hashing). So all who know the same replicas agree without a word, and when one goes only its nodes
//! move, to all others alike.

/// The part of the nodes that is ours to ask. By default all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// `None` = we ask none while there are others.
    own: Option<Ticket>,
    /// In the order of names.
    others: Vec<Ticket>,
}

/// A replica's name with what it adds to the draw.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ticket {
    name: String,
    seed: u64,
}

impl Share {
    /// Of the replica `own` beside `others`; `takes_part` = it asks nodes though there are others who do.
    pub fn of(own: &str, takes_part: bool, others: &[&str]) -> Self {
        let mut others: Vec<_> = others.iter().filter(|name| **name != own).map(|name| Ticket::of(name)).collect();
        others.sort_unstable();
        others.dedup();
        Self { own: takes_part.then(|| Ticket::of(own)), others }
    }

    /// Whether `node` is ours to ask. Without others every node is.
    pub fn has(&self, node: &str) -> bool {
        if self.others.is_empty() {
            return true;
        }
        let Some(own) = &self.own else { return false };
        let drawn = own.draw(node);
        self.others.iter().all(|other| drawn > other.draw(node))
    }
}

impl Ticket {
    fn of(name: &str) -> Self {
        Self { name: name.to_owned(), seed: stable_hash(name, 0) }
    }

    /// Equal numbers, of which there are none in practice, are told apart by name.
    fn draw(&self, node: &str) -> (u64, &str) {
        (stable_hash(node, self.seed), &self.name)
    }
}

/// FNV-1a with a finish that spreads similar names: the same in every process and version, so that all
/// replicas come to the same result.
pub(crate) fn stable_hash(text: &str, seed: u64) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let hash = text.bytes().fold(OFFSET ^ seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 5] = ["api-7d4f-aaaaa", "api-7d4f-aaaab", "api-7d4f-bbbbb", "api-99-x2k4j", "api-99-zzzzz"];
    const NODES: usize = 10_000;

    fn nodes() -> impl Iterator<Item = String> {
        (0..NODES).map(|index| format!("ip-10-0-{}-{}.internal", index / 256, index % 256))
    }

    /// Who of `replicas` asks each node, by what each works out for itself.
    fn owners<'a>(replicas: &[&'a str]) -> Vec<Vec<&'a str>> {
        let share = |own: &&'a str| (*own, Share::of(own, true, replicas));
        let shares: Vec<_> = replicas.iter().map(share).collect();
        let of = |node: String| shares.iter().filter(|(_, share)| share.has(&node)).map(|(name, _)| *name).collect();
        nodes().map(of).collect()
    }

    #[test]
    fn each_node_has_exactly_one_owner_and_the_owners_have_about_as_many() {
        for count in 1..=NAMES.len() {
            let owners = owners(&NAMES[..count]);
            assert!(owners.iter().all(|owners| owners.len() == 1));
            for name in &NAMES[..count] {
                let has = owners.iter().filter(|owners| owners[0] == *name).count();
                // Four deviations of a fair draw.
                let fair = NODES / count;
                assert!(has.abs_diff(fair) * has.abs_diff(fair) <= 16 * fair, "{name} of {count} has {has}");
            }
        }
    }

    #[test]
    fn when_one_goes_only_its_nodes_move_and_to_all_others_alike() {
        let (before, after) = (owners(&NAMES), owners(&NAMES[1..]));
        let mut taken = [0_usize; NAMES.len()];
        for (before, after) in before.iter().zip(&after) {
            if before[0] == NAMES[0] {
                taken[NAMES.iter().position(|name| *name == after[0]).unwrap()] += 1;
            } else {
                assert_eq!(before, after);
            }
        }
        let fair = taken.iter().sum::<usize>() / (NAMES.len() - 1);
        assert!(taken[1..].iter().all(|taken| taken.abs_diff(fair).pow(2) <= 16 * fair), "{taken:?}");
    }

    #[test]
    fn who_takes_no_part_asks_none_as_long_as_others_do() {
        let share = Share::of("one", false, &["two"]);
        assert!(nodes().all(|node| !share.has(&node)));
        let alone = Share::of("one", false, &["one"]);
        assert!(nodes().all(|node| alone.has(&node)));
        assert!(nodes().all(|node| Share::default().has(&node)));
    }

    #[test]
    fn the_order_in_which_others_are_told_is_no_change() {
        let shares = [["a", "b", "b"], ["b", "a", "own"]].map(|others| Share::of("own", true, &others));
        assert_eq!(shares[0], shares[1]);
    }

    #[test]
    fn the_draw_is_the_same_in_every_version() {
        assert_eq!(stable_hash("", 0), 0xecba_3df2_c338_3c52);
        assert_eq!(stable_hash("node-1", stable_hash("replica-1", 0)), 0xf4f8_7f8d_f9b8_50d4);
    }
}
