use super::*;
use crate::Pattern;
use Operation::{History, Presence, Publish, Subscribe};
use alloc::string::String;
use alloc::vec;
use base::Prng;

fn cap(meant: Meant, channels: &[&str], allow: &[Operation], deny: &[Operation]) -> Cap {
    let channels = channels.iter().map(|name| Box::from(*name)).collect();
    Cap { channels, meant, allow: allow.iter().copied().collect(), deny: deny.iter().copied().collect() }
}

/// An expression is here what a name begins with.
fn begins(expression: &str, name: &str) -> bool {
    name.starts_with(expression)
}

fn ruled(caps: &[Cap], operation: Operation, channel: &str) -> Ruling {
    caps.iter().cloned().collect::<Caps>().rule(operation, channel, false, begins)
}

#[test]
fn the_first_cap_that_names_the_channel_allows_and_any_denies() {
    let caps = [
        cap(Meant::Exact, &["news", "user_42"], &[Subscribe], &[]),
        cap(Meant::Exact, &["user_42"], &[Publish, History, Presence], &[]),
        cap(Meant::Wildcard, &["user_*"], &[Publish], &[]),
        cap(Meant::Regex, &["post"], &[History], &[]),
        cap(Meant::Wildcard, &["*_7"], &[], &[Publish]),
    ];
    for (operation, channel, ruling) in [
        (Subscribe, "news", Ruling::Allowed),
        (Publish, "news", Ruling::Silent),
        (Publish, "user_42", Ruling::Silent),
        (Publish, "user_1", Ruling::Allowed),
        (Publish, "user_7", Ruling::Denied),
        (Subscribe, "user_7", Ruling::Silent),
        (History, "posts_1", Ruling::Allowed),
        (Publish, "posts_7", Ruling::Denied),
        (Subscribe, "newspaper", Ruling::Silent),
    ] {
        assert_eq!(ruled(&caps, operation, channel), ruling, "{operation:?} {channel}");
    }
    let caps: Caps = [cap(Meant::Wildcard, &["a*"], &[Subscribe], &[]), cap(Meant::Exact, &["b"], &[Subscribe], &[])]
        .into_iter()
        .collect();
    assert_eq!(caps.rule(Subscribe, "ab", true, begins), Ruling::Silent, "not by its name");
    assert_eq!(caps.rule(Subscribe, "b", true, begins), Ruling::Allowed);
}

#[test]
fn a_pattern_is_allowed_as_a_whole_and_denied_for_a_part() {
    let wildcard = |channels: &[&str], allow: &[Operation]| cap(Meant::Wildcard, channels, allow, &[]);
    for (caps, pattern, ruling) in [
        (vec![wildcard(&["news.*"], &[Subscribe])], "news.*", Ruling::Allowed),
        (vec![wildcard(&["news.*"], &[Subscribe])], "news.>", Ruling::Allowed),
        (vec![wildcard(&["news.*"], &[Subscribe])], "*.news", Ruling::Silent),
        (vec![wildcard(&["news.?"], &[Subscribe])], "news.*", Ruling::Silent),
        (vec![wildcard(&["*"], &[Subscribe])], ">", Ruling::Allowed),
        (vec![cap(Meant::Exact, &["news.*"], &[Subscribe], &[])], "news.*", Ruling::Allowed),
        (vec![cap(Meant::Exact, &["news.*"], &[Subscribe], &[])], "news.>", Ruling::Silent),
        (vec![cap(Meant::Regex, &["news"], &[Subscribe], &[])], "news.*", Ruling::Silent),
        // What comes first decides for its part.
        (vec![wildcard(&["news.a"], &[Publish]), wildcard(&["news.*"], &[Subscribe])], "news.*", Ruling::Silent),
        (vec![wildcard(&["other"], &[Publish]), wildcard(&["news.*"], &[Subscribe])], "news.*", Ruling::Allowed),
        (
            vec![wildcard(&["*"], &[Subscribe]), cap(Meant::Exact, &["a.secret"], &[], &[Subscribe])],
            "a.*",
            Ruling::Denied,
        ),
        (
            vec![wildcard(&["*"], &[Subscribe]), cap(Meant::Exact, &["a.secret"], &[], &[Subscribe])],
            "b.*",
            Ruling::Allowed,
        ),
        (vec![cap(Meant::Regex, &["x"], &[], &[Subscribe])], "b.*", Ruling::Denied),
        (vec![cap(Meant::Wildcard, &["*.x"], &[], &[Subscribe])], "b.*", Ruling::Denied),
        (vec![cap(Meant::Wildcard, &["*.x.*"], &[], &[Subscribe])], "b.*", Ruling::Silent),
        (vec![cap(Meant::Wildcard, &["?.x.?"], &[], &[Subscribe])], "b.*", Ruling::Silent),
        (vec![cap(Meant::Exact, &["b.*"], &[], &[Subscribe])], "b.*", Ruling::Denied),
    ] {
        assert_eq!(ruled(&caps, Subscribe, pattern), ruling, "{pattern} of {caps:?}");
    }
}

// ---- a naive twin: every subject is looked at ----

fn texts(letters: &[char], length_max: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut from = 0;
    for _ in 0..length_max {
        let to = all.len();
        for at in from..to {
            for letter in letters {
                let mut longer = all[at].clone();
                longer.push(*letter);
                all.push(longer);
            }
        }
        from = to;
    }
    all.remove(0);
    all
}

fn naive_glob(glob: &[char], text: &[char]) -> bool {
    match (glob, text) {
        ([], []) => true,
        (['*', rest @ ..], _) => naive_glob(rest, text) || !text.is_empty() && naive_glob(glob, &text[1..]),
        (['?', rest @ ..], [_, tail @ ..]) => naive_glob(rest, tail),
        ([want, rest @ ..], [have, tail @ ..]) => want == have && naive_glob(rest, tail),
        _ => false,
    }
}

fn naive_names(cap: &Cap, channel: &str) -> bool {
    let chars = |text: &str| text.chars().collect::<Vec<_>>();
    cap.channels.iter().any(|name| match cap.meant {
        Meant::Exact => **name == *channel,
        Meant::Wildcard => naive_glob(&chars(name), &chars(channel)),
        Meant::Regex => begins(name, channel),
    })
}

fn naive(caps: &[Cap], operation: Operation, channel: &str) -> Ruling {
    let mut ruling = None;
    for cap in caps {
        if !naive_names(cap, channel) {
            continue;
        }
        if cap.deny.has(operation) {
            return Ruling::Denied;
        }
        if !cap.allow.is_empty() && ruling.is_none() {
            ruling = Some(if cap.allow.has(operation) { Ruling::Allowed } else { Ruling::Silent });
        }
    }
    ruling.unwrap_or(Ruling::Silent)
}

fn random_caps(random: &mut Prng) -> Vec<Cap> {
    let pick = |random: &mut Prng, letters: &str| {
        let letters: Vec<char> = letters.chars().collect();
        let length = 1 + random.below(4);
        let letter = |_| letters[usize::try_from(random.below(letters.len() as u64)).unwrap()];
        (0..length).map(letter).collect::<String>().into_boxed_str()
    };
    let operations =
        |random: &mut Prng| [Subscribe, Publish].into_iter().filter(|_| random.one_in(3)).collect::<Operations>();
    (0..=random.below(3))
        .map(|_| {
            let (meant, letters) = match random.below(5) {
                0 | 1 => (Meant::Exact, "ab."),
                2 | 3 => (Meant::Wildcard, "ab.*?*"),
                _ => (Meant::Regex, "ab."),
            };
            let channels = (0..=random.below(1)).map(|_| pick(random, letters)).collect();
            Cap { channels, meant, allow: operations(random), deny: operations(random) }
        })
        .collect()
}

#[test]
fn names_are_ruled_as_by_a_naive_twin_and_no_pattern_brings_what_its_subjects_do_not() {
    let subjects = texts(&['a', 'b', '.'], 4);
    let patterns: Vec<_> = texts(&['a', '.', '*', '>'], 4)
        .into_iter()
        .filter(|text| crate::subject_pattern(text.as_bytes()).is_ok())
        .collect();
    let mut random = Prng::new(3, "caps");
    let mut seen = [0_u32; 3];
    for _ in 0..600 {
        let caps = random_caps(&mut random);
        for subject in &subjects {
            assert_eq!(ruled(&caps, Subscribe, subject), naive(&caps, Subscribe, subject), "{subject} of {caps:?}");
        }
        let pattern = &patterns[usize::try_from(random.below(patterns.len() as u64)).unwrap()];
        let fits = Pattern::parse(pattern).unwrap();
        let rulings: Vec<_> = subjects
            .iter()
            .filter(|subject| fits.matches(subject))
            .map(|subject| naive(&caps, Subscribe, subject))
            .collect();
        let ruling = ruled(&caps, Subscribe, pattern);
        seen[ruling as usize] += 1;
        if rulings.contains(&Ruling::Denied) {
            assert_eq!(ruling, Ruling::Denied, "{pattern} of {caps:?}");
        }
        if ruling == Ruling::Allowed {
            assert!(rulings.iter().all(|ruling| *ruling == Ruling::Allowed), "{pattern} of {caps:?}");
        }
    }
    assert!(seen.iter().all(|count| *count > 10), "every ruling is tried: {seen:?}");
}

/// What is denied for a pattern has a reason, unless it is an expression.
#[test]
fn without_expressions_a_pattern_is_denied_only_for_a_subject_that_is() {
    let mut random = Prng::new(4, "caps");
    let subjects = texts(&['a', 'b', '.'], 6);
    for _ in 0..200 {
        let mut caps = random_caps(&mut random);
        caps.retain(|cap| cap.meant != Meant::Regex);
        for pattern in ["a.*", "*.a", "*", "a.>", "*.*"] {
            let fits = Pattern::parse(pattern).unwrap();
            let denied =
                |subject: &&String| fits.matches(subject) && naive(&caps, Subscribe, subject) == Ruling::Denied;
            let is_denied = ruled(&caps, Subscribe, pattern) == Ruling::Denied;
            assert_eq!(is_denied, subjects.iter().any(|subject| denied(&subject)), "{pattern} of {caps:?}");
        }
    }
}
