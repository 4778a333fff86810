//! Bodies in chunks: the same whole and in pieces, and never over the bound. Input: a byte of piece length, the stream.
#![no_main]
use libfuzzer_sys::fuzz_target;
use wire::head::{ChunkedDecoder, HeadError};

const BODY_BYTES_MAX: usize = 300;

fn decode<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Result<(Vec<u8>, usize, bool), HeadError> {
    let (mut decoder, mut body, mut used) = (ChunkedDecoder::new(BODY_BYTES_MAX), Vec::new(), 0);
    for piece in pieces {
        let progress = decoder.push(piece, &mut body)?;
        assert!(body.len() <= BODY_BYTES_MAX);
        used += progress.used;
        if progress.done {
            return Ok((body, used, true));
        }
        assert_eq!(progress.used, piece.len());
    }
    Ok((body, used, false))
}

fuzz_target!(|input: &[u8]| {
    let [piece, bytes @ ..] = input else { return };
    assert_eq!(decode([bytes].into_iter()), decode(bytes.chunks(usize::from(*piece).max(1))));
});
