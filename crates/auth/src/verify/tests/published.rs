//! Keys that the issuer publishes, and the algorithms that come with them.
use std::sync::Mutex;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use jsonwebtoken::jwk::Jwk;

use super::*;

const URL: &str = "https://issuer.example/keys";

/// A verifier with published keys, and what it has asked for.
struct Rig {
    verifier: Verifier,
    sets: Arc<KeySets>,
    asked: Arc<Mutex<Vec<String>>>,
}

fn rig(keys: &Keys) -> Rig {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&asked);
    let sets = Arc::new(KeySets::new(move |address| told.lock().unwrap().push(address.to_owned())));
    Rig { verifier: Verifier::new(keys, &sets).unwrap(), sets, asked }
}

fn published() -> Rig {
    rig(&Keys { endpoint: URL.into(), ..Keys::default() })
}

fn named(algorithm: Algorithm, name: &str, key: &EncodingKey) -> String {
    let header = Header { kid: Some(name.into()), ..Header::new(algorithm) };
    encode(&header, &json!({"sub": "u", "iss": "shop"}), key).unwrap()
}

fn rsa() -> EncodingKey {
    EncodingKey::from_rsa_pem(include_bytes!("../keys/rsa.pem")).unwrap()
}

fn ed() -> EncodingKey {
    EncodingKey::from_ed_pem(include_bytes!("../keys/ed25519.pem")).unwrap()
}

/// The set of these keys, and of some that are of no use.
fn set(keys: &[(&str, &EncodingKey, Algorithm)]) -> Vec<u8> {
    let mut all = vec![json!({"kty": "oct", "kid": "secret", "k": "c2VjcmV0"}), json!({"kty": "new"}), json!(1)];
    for (name, key, algorithm) in keys {
        let mut key = Jwk::from_encoding_key(key, *algorithm).unwrap();
        key.common.key_id = Some((*name).to_owned());
        all.push(serde_json::to_value(key).unwrap());
    }
    serde_json::to_vec(&json!({"keys": all})).unwrap()
}

#[test]
fn an_unknown_key_is_asked_for_once_and_the_token_waits() {
    let Rig { verifier, sets, asked } = published();
    let token = named(Algorithm::RS256, "a", &rsa());
    for _ in 0..3 {
        assert_eq!(verifier.connection(&token, NOW), Err(TokenError::Later));
    }
    assert_eq!(*asked.lock().unwrap(), [URL]);
    assert_eq!(sets.put(URL, &set(&[("a", &rsa(), Algorithm::RS256)]), NOW), Ok(1));
    assert_eq!(verifier.connection(&token, NOW).unwrap().user, "u");
    // A set that is this new has no other keys; a little later it may have.
    let rotated = named(Algorithm::EdDSA, "b", &ed());
    assert_eq!(fault(&verifier, &rotated), Fault::NoKey);
    assert_eq!(verifier.connection(&rotated, NOW + 10), Err(TokenError::Later));
    assert_eq!(asked.lock().unwrap().len(), 2);
    let both = set(&[("a", &rsa(), Algorithm::RS256), ("b", &ed(), Algorithm::EdDSA)]);
    assert_eq!(sets.put(URL, &both, NOW + 11), Ok(2));
    assert_eq!(verifier.connection(&rotated, NOW + 11).unwrap().user, "u");
    assert_eq!(verifier.connection(&token, NOW + 11).unwrap().user, "u");
    // The issuer takes a key back.
    assert_eq!(sets.put(URL, &set(&[("b", &ed(), Algorithm::EdDSA)]), NOW + 12), Ok(1));
    assert_eq!(verifier.connection(&token, NOW + 12), Err(TokenError::Invalid(Fault::NoKey)));
}

#[test]
fn an_answer_that_is_no_set_changes_nothing() {
    let Rig { verifier, sets, .. } = published();
    sets.put(URL, &set(&[("a", &rsa(), Algorithm::RS256)]), NOW).unwrap();
    for answer in [&b""[..], b"<html>", b"{}", b"{\"keys\":1}"] {
        assert!(sets.put(URL, answer, NOW).is_err());
    }
    assert!(verifier.connection(&named(Algorithm::RS256, "a", &rsa()), NOW).is_ok());
}

#[test]
fn a_published_key_is_for_its_own_algorithms_and_no_secret() {
    let Rig { verifier, sets, .. } = published();
    sets.put(URL, &set(&[("a", &rsa(), Algorithm::RS256)]), NOW).unwrap();
    let secret = EncodingKey::from_secret(b"secret");
    assert_eq!(fault(&verifier, &named(Algorithm::HS256, "a", &secret)), Fault::NoKey);
    assert_eq!(
        fault(&verifier, &named(Algorithm::HS256, "secret", &secret)),
        Fault::NoKey,
        "a published secret is none"
    );
    assert_eq!(fault(&verifier, &named(Algorithm::EdDSA, "a", &ed())), Fault::NoKey);
    let without_name = signed(Algorithm::RS256, &json!({"sub": "u"}), &rsa());
    assert_eq!(fault(&verifier, &without_name), Fault::NoKey);
}

#[test]
fn the_address_may_depend_on_the_issuer() {
    let keys = Keys {
        endpoint: "https://{{tenant}}.example/keys".into(),
        issuer_pattern: "^(?P<tenant>[a-z]+)$".into(),
        ..Keys::default()
    };
    let Rig { verifier, sets, asked } = rig(&keys);
    assert_eq!(verifier.endpoint(), None);
    let token = named(Algorithm::RS256, "a", &rsa());
    assert_eq!(verifier.connection(&token, NOW), Err(TokenError::Later));
    assert_eq!(*asked.lock().unwrap(), ["https://shop.example/keys"]);
    sets.put("https://shop.example/keys", &set(&[("a", &rsa(), Algorithm::RS256)]), NOW).unwrap();
    assert!(verifier.connection(&token, NOW).is_ok());
    let header = Header { kid: Some("a".into()), ..Header::new(Algorithm::RS256) };
    let foreign = encode(&header, &json!({"iss": "Shop/../x"}), &rsa()).unwrap();
    assert_eq!(fault(&verifier, &foreign), Fault::Issuer);
    let wrong = |keys: &Keys| made(keys).err();
    assert!(matches!(wrong(&Keys { issuer_pattern: "x".into(), ..keys }), Some(KeyError::Endpoint(_))));
    assert!(matches!(wrong(&Keys { endpoint: "file:///x".into(), ..Keys::default() }), Some(KeyError::Endpoint(_))));
    assert!(matches!(wrong(&Keys { issuer_pattern: "(".into(), ..Keys::default() }), Some(KeyError::IssuerPattern(_))));
}

#[test]
fn addresses_are_bounded() {
    let keys = Keys { endpoint: "https://x/{{t}}".into(), issuer_pattern: "(?P<t>.*)".into(), ..Keys::default() };
    let Rig { verifier, sets, .. } = rig(&keys);
    let header = Header { kid: Some("a".into()), ..Header::new(Algorithm::RS256) };
    for number in 0..100 {
        let token = encode(&header, &json!({"iss": number.to_string()}), &rsa()).unwrap();
        assert!(verifier.connection(&token, NOW).is_err());
    }
    assert_eq!(sets.known(), 64);
}

/// Anybody can name addresses: a token is looked up before it is checked.
#[test]
fn invented_addresses_do_not_keep_out_those_that_give_keys() {
    let keys = Keys { endpoint: "https://x/{{t}}".into(), issuer_pattern: "(?P<t>.*)".into(), ..Keys::default() };
    let Rig { verifier, sets, asked } = rig(&keys);
    let header = Header { kid: Some("a".into()), ..Header::new(Algorithm::RS256) };
    let token = |tenant: &str| encode(&header, &json!({"iss": tenant}), &rsa()).unwrap();
    assert!(verifier.connection(&token("first"), NOW).is_err());
    sets.put("https://x/first", br#"{"keys":[]}"#, NOW).unwrap();
    for number in 0..100 {
        assert!(verifier.connection(&token(&number.to_string()), NOW).is_err());
    }
    assert_eq!((sets.known(), sets.addresses()), (64, vec!["https://x/first".to_owned()]));
    assert!(verifier.connection(&token("late"), NOW).is_err());
    assert_eq!(asked.lock().unwrap().last().unwrap(), "https://x/late");
    for number in 0..200 {
        sets.put(&format!("https://x/{number}"), br#"{"keys":[]}"#, NOW).unwrap();
    }
    assert_eq!(sets.known(), 64, "answers that come late do not grow it");
}

/// ES512 is not the library's: signed here by hand.
#[test]
fn es512_is_verified_with_a_key_in_pem_and_a_published_one() {
    let pem = pem::parse(include_str!("../keys/p521.pem")).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P521_SHA512_FIXED_SIGNING, pem.contents()).unwrap();
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(json!({"alg": "ES512", "kid": "e"})), part(json!({"sub": "u"})));
    let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    let token = format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature));
    let public = include_str!("../keys/p521_public.pem").to_owned();
    let static_one = made(&Keys { ecdsa_public: public, ..Keys::default() }).unwrap();
    assert_eq!(static_one.connection(&token, NOW).unwrap().user, "u");
    assert_eq!(fault(&static_one, &token.replace(&message[..20], &message[..20].to_lowercase())), Fault::Malformed);
    let broken = format!("{message}.{}", "A".repeat(176));
    assert_eq!(fault(&static_one, &broken), Fault::Signature);
    assert_eq!(fault(&static_one, &named(Algorithm::RS256, "a", &rsa())), Fault::NoKey);

    let Rig { verifier, sets, .. } = published();
    let point = pair.public_key().as_ref();
    let [x, y] = [&point[1..67], &point[67..]].map(|bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes));
    let answer = json!({"keys": [{"kty": "EC", "crv": "P-521", "kid": "e", "x": x, "y": y}]});
    assert_eq!(sets.put(URL, answer.to_string().as_bytes(), NOW), Ok(1));
    assert_eq!(verifier.connection(&token, NOW).unwrap().user, "u");
}
