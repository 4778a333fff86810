//! Bodies in chunks: what is written is what the decoder reads.
use base::Prng;
use wire::chunks::{LAST, unwrapped, write};
use wire::head::ChunkedDecoder;

fn written(pieces: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, pieces);
    out
}

#[test]
fn a_chunk_has_its_size_before_it_in_hexadecimal() {
    assert_eq!(written(&[b"data: x\n", b"\n"]), b"9\r\ndata: x\n\n\r\n");
    assert_eq!(written(&[&[b'x'; 16]]), b"10\r\nxxxxxxxxxxxxxxxx\r\n");
    assert!(written(&[&[b'x'; 0xabcde]]).starts_with(b"abcde\r\nx"));
}

/// It would be the end of the body.
#[test]
fn no_chunk_is_empty() {
    assert_eq!(written(&[]), b"");
    assert_eq!(written(&[b"", b""]), b"");
}

#[test]
fn what_is_written_is_read() {
    for seed in 0..500 {
        let mut random = Prng::new(seed, "chunks");
        let count = random.below(6);
        let bodies: Vec<Vec<u8>> = (0..count)
            .map(|_| {
                let length = random.below(600);
                (0..length).map(|_| b"\r\n0a"[usize::try_from(random.below(4)).unwrap()]).collect()
            })
            .collect();
        let mut chunks = Vec::new();
        bodies.iter().for_each(|body| write(&mut chunks, &[body]));
        let whole = bodies.concat();
        assert_eq!(unwrapped(&chunks), whole, "seed {seed}");
        chunks.extend_from_slice(LAST);
        let mut read = Vec::new();
        let progress = ChunkedDecoder::new(usize::MAX).push(&chunks, &mut read).unwrap();
        assert!(progress.done && progress.used == chunks.len(), "seed {seed}");
        assert_eq!(read, whole, "seed {seed}");
    }
}
