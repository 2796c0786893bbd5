//! Whatever is written as a quantity.

use crate::usage::{Bytes, Nanocores};

/// What was read and is written reads the same again; plain digits are just that number.
pub(crate) fn quantity(bytes: &[u8]) {
    if let Some(eight) = bytes.first_chunk() {
        let number = u64::from_le_bytes(*eight);
        assert_eq!(Nanocores(number).to_string().parse(), Ok(Nanocores(number)));
        assert_eq!(Bytes(number).to_string().parse(), Ok(Bytes(number)));
    }
    let Ok(text) = str::from_utf8(bytes) else { return };
    if let Ok(cpu) = text.parse::<Nanocores>() {
        assert_eq!(cpu.to_string().parse(), Ok(cpu), "{text}");
    }
    let size = text.parse::<Bytes>();
    if let Ok(size) = size {
        assert_eq!(size.to_string().parse(), Ok(size), "{text}");
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        assert_eq!(size.ok().map(|size| size.0), text.parse().ok(), "{text}");
    }
}
