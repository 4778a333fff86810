//! The decoder against its naive twin, on streams that are mostly right and on ones that aren't.
use base::Prng;
use wire::frame::{Decoder, Opcode, Role};

use crate::feed::{Feed, client, client_begin, in_pieces};
use crate::naive;

const STREAMS: u64 = 20_000;

/// Texts whose pieces cut characters.
const TEXT: &str = "plain äöü € 🦀 \u{10ffff} plain";

fn payload(random: &mut Prng, text: bool) -> Vec<u8> {
    let len = match random.below(8) {
        0 => 0,
        1..=4 => random.below(20),
        5 | 6 => random.below(130),
        _ => 100 + random.below(200),
    };
    let len = usize::try_from(len).unwrap();
    if text {
        let start = if random.one_in(10) { usize::try_from(random.below(30)).unwrap() } else { 0 };
        return TEXT.bytes().cycle().skip(start).take(len).collect();
    }
    let mut bytes = vec![0; len];
    random.fill(&mut bytes);
    bytes
}

fn frame(random: &mut Prng, open: &mut bool) -> Vec<u8> {
    match random.below(12) {
        0 => {
            let payload = payload(random, false);
            client(Opcode::Ping, &payload[..payload.len().min(125)])
        }
        1 => client(Opcode::Pong, b""),
        2 if random.one_in(8) => {
            let code = [1000_u16, 1001, 1005, 3000, 999][usize::try_from(random.below(5)).unwrap()];
            let mut payload = code.to_be_bytes().to_vec();
            payload.extend(&TEXT.as_bytes()[..usize::try_from(random.below(30)).unwrap()]);
            client(Opcode::Close, &payload[..usize::try_from(random.below(payload.len() as u64 + 1)).unwrap()])
        }
        choice => {
            let text = choice < 8;
            let opcode = match (*open && !random.one_in(50), text) {
                (true, _) => Opcode::Continuation,
                (false, true) => Opcode::Text,
                (false, false) => Opcode::Binary,
            };
            let payload = payload(random, text);
            *open = random.one_in(3);
            if *open { client_begin(opcode, &payload) } else { client(opcode, &payload) }
        }
    }
}

fn stream(random: &mut Prng) -> Vec<u8> {
    let mut open = false;
    let count = 1 + random.below(12);
    let mut bytes: Vec<u8> = (0..count).flat_map(|_| frame(random, &mut open)).collect();
    for _ in 0..random.below(3) {
        let place = usize::try_from(random.below(bytes.len() as u64)).unwrap();
        match random.below(4) {
            0 => bytes[place] ^= 1 << random.below(8),
            1 => bytes.truncate(place),
            2 => bytes.insert(place, u8::try_from(random.below(256)).unwrap()),
            _ => {}
        }
        if bytes.is_empty() {
            bytes.push(0x81);
        }
    }
    bytes
}

fn decoder(random: &mut Prng) -> Decoder {
    Decoder {
        role: if random.one_in(30) { Role::Client } else { Role::Server },
        frame_bytes_max: if random.one_in(4) { 150 } else { 1_000 },
        message_bytes_max: if random.one_in(4) { 250 } else { 2_000 },
        inflated_bytes_max: random.one_in(2).then_some(1 << 23),
    }
}

#[test]
fn agrees_with_the_naive_decoder_in_random_pieces() {
    for seed in 0..STREAMS {
        let mut random = Prng::new(seed, "twin");
        let (decoder, bytes) = (decoder(&mut random), stream(&mut random));
        let expected = naive::decode(&decoder, &bytes);
        let (mut pieces, mut rest) = (Vec::new(), bytes.as_slice());
        while !rest.is_empty() {
            let most = if random.one_in(2) { 8 } else { rest.len() as u64 };
            let len = usize::try_from(1 + random.below(most)).unwrap().min(rest.len());
            pieces.push(&rest[..len]);
            rest = &rest[len..];
        }
        assert_eq!(in_pieces(decoder, pieces), expected, "seed {seed}: {bytes:x?}");
        assert_eq!(in_pieces(decoder, [bytes.as_slice()]), expected, "seed {seed}, whole: {bytes:x?}");
    }
}

/// After each byte the decoder knows exactly what the twin knows: no event and no error comes a byte late.
#[test]
fn agrees_with_the_naive_decoder_after_each_byte() {
    for seed in 0..STREAMS / 20 {
        let mut random = Prng::new(seed, "twin by bytes");
        let (decoder, bytes) = (decoder(&mut random), stream(&mut random));
        let mut feed = Feed::new(decoder);
        for end in 1..=bytes.len() {
            feed.push(&bytes[end - 1..end]);
            let expected = naive::decode(&decoder, &bytes[..end]);
            assert_eq!(feed.outcome, expected, "seed {seed}, {end} bytes: {bytes:x?}");
        }
    }
}

/// Bytes that mean nothing.
#[test]
fn agrees_with_the_naive_decoder_on_noise() {
    for seed in 0..STREAMS {
        let mut random = Prng::new(seed, "twin noise");
        let mut bytes = vec![0; 2 + usize::try_from(random.below(60)).unwrap()];
        random.fill(&mut bytes);
        // Past the first two bytes noise seldom comes by itself.
        bytes[0] &= 0x8f;
        bytes[1] |= 0x80;
        let decoder = decoder(&mut random);
        assert_eq!(in_pieces(decoder, bytes.chunks(3)), naive::decode(&decoder, &bytes), "seed {seed}: {bytes:x?}");
    }
}
