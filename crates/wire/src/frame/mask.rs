//! Masking: RFC 6455, section 5.3.

/// Masks or unmasks `bytes` in place, the first of which is number `offset` of its frame's payload.
///
/// Eight bytes a step; the compiler makes vectors of it.
pub fn mask(bytes: &mut [u8], key: [u8; 4], offset: usize) {
    let mut key = key;
    key.rotate_left(offset % 4);
    let [a, b, c, d] = key;
    let word = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for bytes in words {
        *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip([a, b, c, d, a, b, c]) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Section 5.3 to the letter.
    fn plain(bytes: &mut [u8], key: [u8; 4], offset: usize) {
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte ^= key[(offset + index) % 4];
        }
    }

    #[test]
    fn is_the_plain_one_at_all_lengths_and_offsets() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let start: [u8; 300] = core::array::from_fn(|index| (index * 7 % 251).try_into().unwrap());
        for begin in 0..9 {
            for end in begin..start.len() {
                for offset in 0..9 {
                    let (mut fast, mut slow) = (start, start);
                    mask(&mut fast[begin..end], key, offset);
                    plain(&mut slow[begin..end], key, offset);
                    assert_eq!(fast, slow, "{begin}..{end} at offset {offset}");
                }
            }
        }
    }
}
