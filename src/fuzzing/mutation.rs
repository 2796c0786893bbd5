//! Inputs made of inputs, the same ones each time.

/// What parsers look for, and what has no business where they look.
const WORDS: [&[u8]; 24] = [
    b"\"",
    b"\\",
    b"\n",
    b",",
    b"=",
    b"!",
    b"(",
    b")",
    b"{",
    b"}",
    b"[]",
    b"/",
    b"%2F",
    b"%",
    b" in (",
    b"null",
    b"NaN",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"\xff",
    b"\x00",
    b"\xc3\xa9",
    b"*/*;q=0",
];

/// A generator of numbers that look random and are no secret.
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) const fn of_seed(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 32).unwrap_or(0) % bound.max(1)
    }
}

/// `input` with one to four things changed in it; `other` lends a part.
pub(super) fn mutated(input: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len() + 1);
        match numbers.below(6) {
            0 => bytes.truncate(at),
            1 => drop(bytes.splice(at..at, WORDS[numbers.below(WORDS.len())].iter().copied())),
            2 => drop(bytes.splice(at..at, part(other, numbers).iter().copied())),
            3 => drop(bytes.splice(at..at, part(input, numbers).iter().copied())),
            4 => drop(bytes.drain(at..bytes.len().min(at + 1 + numbers.below(8)))),
            _ if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            _ => {}
        }
    }
    bytes
}

fn part<'a>(bytes: &'a [u8], numbers: &mut Numbers) -> &'a [u8] {
    let begin = numbers.below(bytes.len() + 1);
    &bytes[begin..bytes.len().min(begin + 1 + numbers.below(32))]
}
