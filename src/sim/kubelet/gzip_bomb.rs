//! Seven megabytes of gzip that inflate to a gigabyte of zeros, written by hand: a fixed-code
//! deflate block of one zero and then nothing but "the byte before, 258 times".

use bytes::Bytes;

/// Magic, deflate, no flags, no time, no hints, unknown system.
const GZIP_HEADER: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// Not the last block, fixed codes, then the literal 0.
const BEGIN: &[u8; 11] = b"01000110000";
/// Length 258 (code 285) at distance 1 (code 0).
const REPEAT: &[u8; 13] = b"1100010100000";
/// From here on the bytes repeat: eight repeats fill thirteen bytes.
const PERIODIC_FROM: usize = 2;
const PERIOD_BYTES: usize = REPEAT.len();
const PERIODS_PER_PIECE: usize = 5000;
const INFLATED_PER_PIECE: usize = PERIODS_PER_PIECE * 8 * 258;
const INFLATED_BYTES: usize = 1 << 30;

/// The body in its pieces.
pub(super) fn pieces() -> impl Iterator<Item = Bytes> {
    let begin = GZIP_HEADER.iter().copied().chain((0..PERIODIC_FROM).map(byte)).collect();
    let piece: Bytes = (PERIODIC_FROM..PERIODIC_FROM + PERIOD_BYTES * PERIODS_PER_PIECE).map(byte).collect();
    std::iter::once(begin).chain(std::iter::repeat_n(piece, INFLATED_BYTES.div_ceil(INFLATED_PER_PIECE)))
}

/// A byte of the deflate stream; its first bit is the lowest.
fn byte(place: usize) -> u8 {
    let bits = BEGIN.iter().chain(REPEAT.iter().cycle());
    // The place is folded into the first period, where the same byte stands.
    let place = if place < PERIODIC_FROM { place } else { PERIODIC_FROM + (place - PERIODIC_FROM) % PERIOD_BYTES };
    bits.skip(place * 8).take(8).zip(0..).fold(0, |byte, (bit, shift)| byte | ((bit - b'0') << shift))
}
