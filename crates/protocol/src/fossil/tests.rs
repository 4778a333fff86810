use super::*;
use alloc::string::String;
use alloc::vec;
use base::Prng;

const SOURCE: &[u8] = br#"{"price":100,"symbol":"AAPL","venue":"NASDAQ"}"#;
const TARGET: &[u8] = br#"{"price":101,"symbol":"AAPL","venue":"NASDAQ"}"#;
const CUTS: [Cut; 2] = [Cut::Anywhere, Cut::BetweenCharacters];

#[test]
fn the_delta_of_another_implementation_is_applied() {
    let delta = b"j\nB@0,1:1Y@C,1bGS8b;";
    assert_eq!(apply(SOURCE, delta, 1 << 20).as_deref(), Ok(TARGET));
    assert_eq!(create(SOURCE, TARGET, Cut::BetweenCharacters), delta);
}

#[test]
fn what_is_made_is_what_it_was_made_from() {
    let mut random = Prng::new(11, "fossil");
    let mut below = |bound: usize| usize::try_from(random.below(bound as u64)).unwrap();
    // Few letters, so that much of it is alike; multibyte ones, so that cuts matter.
    let letters = ['a', 'b', 'ä', '€', '😀', '"'];
    for round in 0..4_000 {
        let mut source = String::new();
        for _ in 0..below(400) {
            source.push(letters[below(letters.len())]);
        }
        let mut target: Vec<char> = source.chars().collect();
        for _ in 0..below(4) {
            let (from, to) = (below(target.len() + 1), below(target.len() + 1));
            let piece: Vec<char> = target[from.min(to)..from.max(to)].to_vec();
            match below(3) {
                0 => drop(target.drain(from.min(to)..from.max(to))),
                1 => drop(target.splice(from..from, piece)),
                _ => target.insert(from, letters[below(letters.len())]),
            }
        }
        let target: String = target.into_iter().collect();
        for cut in CUTS {
            let delta = create(source.as_bytes(), target.as_bytes(), cut);
            assert_eq!(apply(source.as_bytes(), &delta, target.len()).as_deref(), Ok(target.as_bytes()), "{round}");
            if cut == Cut::BetweenCharacters {
                assert!(core::str::from_utf8(&delta).is_ok(), "{round}: {source} to {target}: {delta:?}");
            }
        }
        let bytes: Vec<u8> = (0..below(300)).map(|_| u8::try_from(below(4) * 85).unwrap()).collect();
        for (source, target) in [(&bytes[..], target.as_bytes()), (target.as_bytes(), &bytes[..])] {
            for cut in CUTS {
                assert_eq!(apply(source, &create(source, target, cut), 1 << 20).as_deref(), Ok(target), "{round}");
            }
        }
    }
}

#[test]
fn what_moves_is_copied() {
    let source: String = (0..200).map(|number| alloc::format!("line {number}\n")).collect();
    let (one, other) = source.split_at(700);
    let moved = alloc::format!("{other}something new{one}");
    let delta = create(source.as_bytes(), moved.as_bytes(), Cut::Anywhere);
    assert!(delta.len() < 80, "{}", String::from_utf8_lossy(&delta));
    assert_eq!(apply(source.as_bytes(), &delta, 1 << 20).as_deref(), Ok(moved.as_bytes()));
}

/// A character whose last byte alone changes is told whole.
#[test]
fn characters_are_not_cut() {
    let (source, target) = ("temperature: 20 \u{e4}, steady as ever", "temperature: 20 \u{e5}, steady as ever");
    let delta = create(source.as_bytes(), target.as_bytes(), Cut::BetweenCharacters);
    assert!(core::str::from_utf8(&delta).is_ok_and(|text| text.contains('\u{e5}')));
    assert!(core::str::from_utf8(&create(source.as_bytes(), target.as_bytes(), Cut::Anywhere)).is_err());
}

#[test]
fn the_like_of_itself_costs_no_more_than_anything_else() {
    let same = vec![b'a'; 300_000];
    let mut other = same.clone();
    other[150_000] = b'b';
    other.insert(77, b'c');
    other.insert(200_000, b'd');
    let delta = create(&same, &other, Cut::BetweenCharacters);
    assert!(delta.len() < 100, "{} bytes", delta.len());
    assert_eq!(apply(&same, &delta, 1 << 20), Ok(other));
    let continuations = vec![0x80; 300_000];
    assert_eq!(apply(&same, &create(&same, &continuations, Cut::BetweenCharacters), 1 << 20), Ok(continuations));
}

#[test]
fn what_is_wrong_with_a_delta_is_told() {
    for (delta, error) in [
        (&b""[..], FossilError::Malformed),
        (b"3", FossilError::Malformed),
        (b"3;", FossilError::Malformed),
        (b"3\n3:abc", FossilError::Malformed),
        (b"3\n3:ab", FossilError::Malformed),
        (b"3\n3@0;", FossilError::Malformed),
        (b"3\n3!abc", FossilError::Malformed),
        (b"3\n4:abcd0;", FossilError::Length),
        (b"3\n2:ab0;", FossilError::Length),
        (b"3\n~~~~~~~~~~@~~~~~~~~~~,0;", FossilError::Source),
        (b"3\n3@j,0;", FossilError::Source),
        (b"3\n3:abc0;", FossilError::Checksum),
        (b"~~\n0;", FossilError::TooLarge),
        (b"0\n0;0", FossilError::Malformed),
    ] {
        assert_eq!(apply(SOURCE, delta, 1_000), Err(error), "{}", String::from_utf8_lossy(delta));
    }
    assert_eq!(apply(SOURCE, b"0\n0;", 0), Ok(Vec::new()));
    let delta = create(SOURCE, TARGET, Cut::Anywhere);
    for cut in 0..delta.len() {
        assert!(apply(SOURCE, &delta[..cut], 1_000).is_err(), "the first {cut} bytes");
    }
}
