//! Names as Kubernetes makes them, unique over all that exists at one time.

use crate::sim::seed::Seed;
use crate::usage::NodeName;

/// The characters Kubernetes generates names from: no vowels, so no words.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
/// Length of a generated suffix, unless there are too many pods for it.
const SUFFIX_LENGTH: u32 = 5;
/// Enough for any number of slots that fits in 64 bits.
const LONGEST_SUFFIX: u32 = 14;
/// Successive pods of a slot have different names for this many generations.
const GENERATIONS: u64 = 64;
/// Spreads neighbouring numbers; prime to 27, so different numbers stay different.
const STRIDE: u128 = 0x5851_f42d_4c95_7f2d;

/// A pod-template hash: ten characters.
pub(super) fn template_hash(seed: Seed) -> String {
    letters(u128::from(seed.bits()), 10)
}

/// What follows the template hash in a pod's name: different for any two slots, and for pods of a
/// slot that are less than 64 generations apart.
pub(super) fn pod_suffix(seed: Seed, slot: u64, slots: u64, generation: i64) -> String {
    let generation = generation.rem_euclid(GENERATIONS.cast_signed()).cast_unsigned();
    let length = (SUFFIX_LENGTH..LONGEST_SUFFIX).find(|length| names(*length) >= u128::from(slots * GENERATIONS));
    let length = length.unwrap_or(LONGEST_SUFFIX);
    let number = u128::from(slot * GENERATIONS + generation) * STRIDE + u128::from(seed.bits());
    letters(number % names(length), length)
}

/// A node's name.
pub(super) fn node(index: u32) -> NodeName {
    NodeName::from(format!("node-{index}").as_str())
}

/// The name of the passing node of this number: the first, third, ... come back under their names, as machines
/// do that are set up anew; the others are replaced, as an autoscaler's are.
pub(super) fn passing_node(index: u32, number: u32, generation: i64) -> NodeName {
    if number.is_multiple_of(2) { node(index) } else { NodeName::from(format!("node-{index}-{generation}").as_str()) }
}

/// A random-looking UUID.
pub(super) fn uid(seed: Seed) -> String {
    let bits = (u128::from(seed.part(0).bits()) << 64) | u128::from(seed.part(1).bits());
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string()
}

/// How many names of a length there are.
fn names(length: u32) -> u128 {
    27_u128.saturating_pow(length)
}

fn letters(number: u128, length: u32) -> String {
    let digits = (0..length).scan(number, |rest, _| {
        let digit = usize::try_from(*rest % 27).unwrap_or(0);
        *rest /= 27;
        ALPHABET.get(digit).copied().map(char::from)
    });
    digits.collect()
}
