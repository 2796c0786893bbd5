//! Protobuf's wire format, as far as it takes to read one field after the other.
//!
//! <https://protobuf.dev/programming-guides/encoding/>

/// One field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// An integer.
    Varint(u64),
    /// Eight bytes, as a double is.
    Fixed64(u64),
    /// A text or a message.
    Bytes(&'a [u8]),
    /// Four bytes, which no field that is read has.
    Fixed32,
}

/// Takes the first field off a message; `None` if it is cut off or is none.
pub(super) fn field(message: &[u8]) -> Option<(u64, Value<'_>, &[u8])> {
    let (key, rest) = varint(message)?;
    let (value, rest) = match key & 7 {
        0 => varint(rest).map(|(value, rest)| (Value::Varint(value), rest))?,
        1 => {
            let (bytes, rest) = rest.split_first_chunk()?;
            (Value::Fixed64(u64::from_le_bytes(*bytes)), rest)
        }
        2 => delimited(rest).map(|(bytes, rest)| (Value::Bytes(bytes), rest))?,
        5 => (Value::Fixed32, rest.split_first_chunk::<4>()?.1),
        _ => return None,
    };
    Some((key >> 3, value, rest))
}

/// Takes off bytes that their length stands before.
pub(super) fn delimited(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = varint(bytes)?;
    rest.split_at_checked(usize::try_from(length).ok()?)
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (place, byte) in bytes.iter().enumerate().take(10) {
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * u32::try_from(place).ok()?;
        // The tenth byte has room for one bit.
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(place + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_every_length_are_read() {
        assert_eq!(varint(&[0]), Some((0, &[][..])));
        assert_eq!(varint(&[0xac, 0x02, 7]), Some((300, &[7][..])));
        let largest = [[0xff; 9].as_slice(), &[1]].concat();
        assert_eq!(varint(&largest), Some((u64::MAX, &[][..])));
    }

    #[test]
    fn what_is_cut_off_or_too_long_is_no_field() {
        let too_large = [[0xff; 9].as_slice(), &[2]].concat();
        let endless = [0xff; 20];
        for bytes in [&[][..], &[0x80], &too_large, &endless] {
            assert_eq!(varint(bytes), None);
        }
        for message in [&[0x09, 1, 2][..], &[0x0a, 2, 1], &[0x0d, 1], &[0x0b], &[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]] {
            assert_eq!(field(message), None, "{message:?}");
        }
    }

    #[test]
    fn fields_come_one_after_the_other() {
        let message = [0x08, 5, 0x12, 2, b'a', b'b', 0x19, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f];
        let (number, value, rest) = field(&message).unwrap();
        assert_eq!((number, value), (1, Value::Varint(5)));
        let (number, value, rest) = field(rest).unwrap();
        assert_eq!((number, value), (2, Value::Bytes(b"ab")));
        let (number, value, rest) = field(rest).unwrap();
        assert_eq!((number, value, rest), (3, Value::Fixed64(1.0_f64.to_bits()), &[][..]));
    }
}
