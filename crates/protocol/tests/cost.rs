//! What things cost, printed; run by hand: `cargo test --release -p ringcast-protocol --test cost -- --ignored --nocapture`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "it is no product: it measures")]
use std::hint::black_box;
use std::time::Instant;

use protocol::centrifugo::Publication;
use protocol::fossil::create;
use protocol::{Encoding, is_json};

fn microseconds(mut work: impl FnMut()) -> f64 {
    let rounds = 2_000;
    let begun = Instant::now();
    (0..rounds).for_each(|_| work());
    begun.elapsed().as_secs_f64() * 1e6 / f64::from(rounds)
}

/// A JSON document of about so many bytes, two fields of which change.
fn document(bytes: usize, number: usize) -> String {
    let filling: Vec<String> =
        (0..bytes / 34).map(|at| format!("{{\"name\":\"field {at}\",\"value\":{}}}", at * 7919 % 1_000)).collect();
    format!("{{\"price\":{},\"fields\":[{}],\"updated\":{}}}", 100 + number, filling.join(","), 1_700_000_000 + number)
}

#[test]
#[ignore = "a measurement"]
fn of_a_delta() {
    println!(
        "bytes | delta | make it, µs | check and write the whole, µs | the same of bytes with little in common, µs"
    );
    for bytes in [200, 2_000, 20_000, 200_000] {
        let (before, after) = (document(bytes, 1), document(bytes, 2));
        let cut = Encoding::Json.cut();
        let delta = create(before.as_bytes(), after.as_bytes(), cut);
        let make = microseconds(|| drop(black_box(create(before.as_bytes(), after.as_bytes(), cut))));
        let mut out = Vec::new();
        let whole = microseconds(|| {
            out.clear();
            assert!(is_json(after.as_bytes()));
            let data = Encoding::Json.delta_data(after.as_bytes()).unwrap();
            let publication = Publication {
                data,
                offset: 1,
                info: None,
                tags: &[],
                channel: "",
                delta: false,
                epoch: None,
                version: 0,
            };
            Encoding::Json.push_publication(&mut out, "prices.AAPL", &publication);
        });
        let other: String = after.chars().rev().collect();
        let unlike = microseconds(|| drop(black_box(create(before.as_bytes(), other.as_bytes(), cut))));
        println!("{} | {} | {make:.2} | {whole:.2} | {unlike:.2}", after.len(), delta.len());
    }
}
