//! RFC 9112, sections 6 and 7: where a request's body ends.
use base::Prng;
use wire::head::{Body, ChunkedDecoder, HeadError};

use crate::head::head;

fn framing(version: &str, fields: &str) -> Result<Body, HeadError> {
    head(format!("POST / HTTP/{version}\r\nHost: a\r\n{fields}\r\n").as_bytes()).body()
}

#[test]
fn lengths() {
    for (fields, expected) in [
        ("", Ok(Body::None)),
        ("Content-Length: 0\r\n", Ok(Body::Length(0))),
        ("Content-Length: 007\r\n", Ok(Body::Length(7))),
        ("Content-Length: 18446744073709551615\r\n", Ok(Body::Length(u64::MAX))),
        ("Content-Length: 5\r\ncontent-length: 5\r\n", Ok(Body::Length(5))),
        ("Content-Length: 5, 5\r\n", Ok(Body::Length(5))),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", Err(HeadError::ContentLength)),
        ("Content-Length: 5, 6\r\n", Err(HeadError::ContentLength)),
        ("Content-Length: 18446744073709551616\r\n", Err(HeadError::ContentLength)),
        ("Content-Length: +5\r\n", Err(HeadError::ContentLength)),
        ("Content-Length: -5\r\n", Err(HeadError::ContentLength)),
        ("Content-Length: 0x5\r\n", Err(HeadError::ContentLength)),
        ("Content-Length: 5 5\r\n", Err(HeadError::ContentLength)),
        ("Content-Length:\r\n", Err(HeadError::ContentLength)),
        ("Content-Length: 5,\r\n", Err(HeadError::ContentLength)),
    ] {
        assert_eq!(framing("1.1", fields), expected, "{fields}");
    }
}

#[test]
fn transfer_codings() {
    for (version, fields, expected) in [
        ("1.1", "Transfer-Encoding: chunked\r\n", Ok(Body::Chunked)),
        ("1.1", "Transfer-Encoding:  Chunked \r\n", Ok(Body::Chunked)),
        ("1.1", "Transfer-Encoding: gzip, chunked\r\n", Err(HeadError::TransferCoding)),
        ("1.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Err(HeadError::TransferCoding)),
        ("1.1", "Transfer-Encoding: identity\r\n", Err(HeadError::TransferCoding)),
        ("1.1", "Transfer-Encoding: chunked;a=b\r\n", Err(HeadError::TransferCoding)),
        ("1.1", "Transfer-Encoding:\r\n", Err(HeadError::TransferCoding)),
        ("1.1", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Err(HeadError::BodyAmbiguous)),
        ("1.1", "Transfer-Encoding:\r\nContent-Length: 5\r\n", Err(HeadError::BodyAmbiguous)),
        ("1.0", "Transfer-Encoding: chunked\r\n", Err(HeadError::BodyAmbiguous)),
    ] {
        assert_eq!(framing(version, fields), expected, "{version} {fields}");
    }
}

/// Feeds `bytes` in pieces; the body and how many bytes were its.
fn chunked<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, max: usize) -> Result<(Vec<u8>, Option<usize>), HeadError> {
    let (mut decoder, mut body, mut used) = (ChunkedDecoder::new(max), Vec::new(), 0);
    for piece in pieces {
        let progress = decoder.push(piece, &mut body)?;
        used += progress.used;
        if progress.done {
            return Ok((body, Some(used)));
        }
        assert_eq!(progress.used, piece.len());
    }
    Ok((body, None))
}

/// Whole, split at each point and byte by byte.
fn every_way(bytes: &[u8], max: usize) -> Result<(Vec<u8>, Option<usize>), HeadError> {
    let expected = chunked([bytes], max);
    assert_eq!(chunked(bytes.chunks(1), max), expected, "{}", bytes.escape_ascii());
    for split in 1..bytes.len() {
        let (left, right) = bytes.split_at(split);
        assert_eq!(chunked([left, right], max), expected, "{} at {split}", bytes.escape_ascii());
    }
    expected
}

#[test]
fn chunks() {
    for (bytes, body, after) in [
        (&b"0\r\n\r\n"[..], &b""[..], 0),
        (b"5\r\nHello\r\n0\r\n\r\n", b"Hello", 0),
        (b"3\r\nHel\r\n2\r\nlo\r\n000\r\n\r\nGET ", b"Hello", 4),
        (b"A;name=value\r\n0123456789\r\n0;last\r\nTrailer: x\r\nOther: y\r\n\r\nrest", b"0123456789", 4),
        (b"1 ;x=\"y z\"\r\n\r\r\n0\r\n\r\n", b"\r", 0),
        (b"00a\r\n0123456789\r\n0\r\n\r\n", b"0123456789", 0),
    ] {
        assert_eq!(every_way(bytes, 100), Ok((body.to_vec(), Some(bytes.len() - after))), "{}", bytes.escape_ascii());
    }
    assert_eq!(every_way(b"5\r\nHel", 100), Ok((b"Hel".to_vec(), None)));
}

#[test]
fn chunks_that_are_not_to_the_letter() {
    for bytes in [
        &b"\r\n"[..],
        b"g\r\n",
        b"-1\r\n",
        b"0x5\r\n",
        b";x\r\n",
        b"5\nHello",
        b"5\r\r\n",
        b"5\r\nHello5\r\n",
        b"5\r\nHello\n",
        b"5\r\nHello\rx",
        b"0\r\n\n",
        b"0\r\n\r\r",
        b"0\r\nTrailer: x\n\r\n",
        b"5;\0\r\n",
    ] {
        assert_eq!(every_way(bytes, 100), Err(HeadError::Chunk), "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_body_in_chunks_is_bounded() {
    assert_eq!(every_way(b"5\r\nHello\r\n5\r\nHello\r\n0\r\n\r\n", 10).map(|(body, _)| body.len()), Ok(10));
    // At the size, before any of the chunk has come.
    assert_eq!(every_way(b"5\r\nHello\r\n6", 10), Err(HeadError::BodyTooLarge));
    assert_eq!(every_way(b"ffffffffffffffff", usize::MAX), Ok((vec![], None)));
    assert_eq!(every_way(b"fffffffffffffffff", usize::MAX), Err(HeadError::BodyTooLarge));
}

#[test]
fn extensions_and_trailers_are_bounded() {
    for (begin, endless) in
        [("", "0"), ("1", ";"), ("1;", "x"), ("", "1;x\r\na\r\n"), ("0\r\n", "T: x\r\n"), ("0\r\nT", "x")]
    {
        let bytes = begin.to_owned() + &endless.repeat(5_000);
        assert_eq!(chunked([bytes.as_bytes()], usize::MAX), Err(HeadError::Chunk), "{begin:?} {endless:?}");
    }
}

#[test]
fn random_bodies_come_back() {
    for seed in 0..500 {
        let mut random = Prng::new(seed, "chunked");
        let (mut body, mut bytes) = (Vec::new(), Vec::new());
        for _ in 0..random.below(6) {
            let mut chunk = vec![0; 1 + usize::try_from(random.below(300)).unwrap()];
            random.fill(&mut chunk);
            bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
            bytes.extend_from_slice(&chunk);
            bytes.extend(b"\r\n");
            body.extend(chunk);
        }
        bytes.extend(b"0\r\n\r\n");
        let len = bytes.len();
        bytes.extend(b"next");
        let piece = 1 + usize::try_from(random.below(50)).unwrap();
        assert_eq!(chunked(bytes.chunks(piece), 2_000), Ok((body, Some(len))), "seed {seed}");
    }
}
