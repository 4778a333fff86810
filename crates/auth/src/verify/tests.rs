use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;
use crate::sign::{SignError, Wish, sign};
use crate::{CapFault, Changes, Operation, TokenSub};

mod published;

const NOW: i64 = 1_700_000_000;

fn keys() -> Keys {
    Keys { hmac_secret: "secret".into(), ..Keys::default() }
}

fn all_keys() -> Keys {
    Keys {
        rsa_public: include_str!("keys/rsa_public.pem").into(),
        ecdsa_public: include_str!("keys/p256_public.pem").into(),
        ..keys()
    }
}

/// A verifier without published keys.
fn made(keys: &Keys) -> Result<Verifier, KeyError> {
    Verifier::new(keys, &Arc::new(KeySets::new(|_| ())))
}

fn verifier() -> Verifier {
    made(&keys()).unwrap()
}

fn signed(algorithm: Algorithm, claims: &Value, key: &EncodingKey) -> String {
    encode(&Header::new(algorithm), claims, key).unwrap()
}

fn token(claims: &Value) -> String {
    signed(Algorithm::HS256, claims, &EncodingKey::from_secret(b"secret"))
}

fn fault(verifier: &Verifier, token: &str) -> Fault {
    match verifier.connection(token, NOW) {
        Err(TokenError::Invalid(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_family_verifies_with_its_key() {
    let secret = EncodingKey::from_secret(b"secret");
    let rsa = EncodingKey::from_rsa_pem(include_bytes!("keys/rsa.pem")).unwrap();
    let p256 = EncodingKey::from_ec_pem(include_bytes!("keys/p256.pem")).unwrap();
    let p384 = EncodingKey::from_ec_pem(include_bytes!("keys/p384.pem")).unwrap();
    let verifier = made(&all_keys()).unwrap();
    for (algorithm, key) in [
        (Algorithm::HS256, &secret),
        (Algorithm::HS384, &secret),
        (Algorithm::HS512, &secret),
        (Algorithm::RS256, &rsa),
        (Algorithm::RS384, &rsa),
        (Algorithm::RS512, &rsa),
        (Algorithm::ES256, &p256),
    ] {
        let token = signed(algorithm, &json!({"sub": "u"}), key);
        assert_eq!(verifier.connection(&token, NOW).unwrap().user, "u", "{algorithm:?}");
        assert_eq!(
            fault(&made(&Keys { hmac_secret: "other".into(), ..Keys::default() }).unwrap(), &token),
            if format!("{algorithm:?}").starts_with("HS") { Fault::Signature } else { Fault::NoKey },
            "{algorithm:?}"
        );
    }
    let other_curve = signed(Algorithm::ES384, &json!({"sub": "u"}), &p384);
    assert_eq!(fault(&verifier, &other_curve), Fault::Signature);
    let p384 = Keys { ecdsa_public: include_str!("keys/p384_public.pem").into(), ..Keys::default() };
    assert_eq!(made(&p384).unwrap().connection(&other_curve, NOW).unwrap().user, "u");
}

/// The classic: an HMAC token whose secret is the public key's text.
#[test]
fn a_public_key_is_no_secret() {
    let pem = include_str!("keys/rsa_public.pem");
    let forged = signed(Algorithm::HS256, &json!({"sub": "u"}), &EncodingKey::from_secret(pem.as_bytes()));
    let verifier = made(&Keys { rsa_public: pem.into(), ..Keys::default() }).unwrap();
    assert_eq!(fault(&verifier, &forged), Fault::NoKey);
    assert_eq!(fault(&made(&all_keys()).unwrap(), &forged), Fault::Signature);
}

#[test]
fn what_is_no_token_is_invalid() {
    let good = token(&json!({"sub": "u"}));
    let parts: Vec<_> = good.split('.').collect();
    // {"alg":"none","typ":"JWT"}, and in other letters; {"alg":"PS256"}
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    for text in [
        String::new(),
        "a.b.c".into(),
        "..".into(),
        "\u{0}\u{ffff}".into(),
        parts[..2].join("."),
        format!("{good}.x"),
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        ".".repeat(10_000),
        "[".repeat(60_000),
    ] {
        assert_eq!(fault(&verifier(), &text), Fault::Malformed, "{:?}", &text[..text.len().min(80)]);
    }
    assert_eq!(fault(&verifier(), &format!("{}.{}.{}", parts[0], parts[1], "AAAA")), Fault::Signature);
    assert_eq!(fault(&verifier(), &format!("{}.{}.", parts[0], parts[1])), Fault::Signature);
    let other = token(&json!({"sub": "v"}));
    let swapped = format!("{}.{}.{}", parts[0], other.split('.').nth(1).unwrap(), parts[2]);
    assert_eq!(fault(&verifier(), &swapped), Fault::Signature);
    assert_eq!(fault(&verifier(), &"x".repeat(TOKEN_BYTES_MAX + 1)), Fault::TooLarge);
    let huge = token(&json!({"sub": "u", "info": "x".repeat(TOKEN_BYTES_MAX)}));
    assert_eq!(fault(&verifier(), &huge), Fault::TooLarge);
}

#[test]
fn time_is_judged_without_leeway() {
    for (claims, good) in [
        (json!({}), true),
        (json!({"exp": NOW + 1}), true),
        (json!({"exp": NOW}), false),
        (json!({"exp": 0}), false),
        (json!({"exp": -5}), false),
        (json!({"exp": NOW as f64 + 1.5}), true),
        (json!({"exp": 1e300}), true),
        (json!({"nbf": NOW}), true),
        (json!({"nbf": NOW + 1}), false),
        (json!({"iat": NOW + 100}), true),
        (json!({"exp": null, "nbf": null}), true),
    ] {
        let verified = verifier().connection(&token(&claims), NOW);
        assert_eq!(verified.is_ok(), good, "{claims}: {verified:?}");
        assert!(good || verified == Err(TokenError::Expired), "{claims}");
    }
}

#[test]
fn a_claim_of_the_wrong_type_is_not_an_absent_one() {
    for claims in [
        json!({"exp": "tomorrow"}),
        json!({"exp": [1]}),
        json!({"nbf": true}),
        json!({"sub": 42}),
        json!({"channel": {}}),
        json!({"iss": ["a"]}),
        json!({"aud": 1}),
        json!("x"),
    ] {
        assert_eq!(fault(&verifier(), &token(&claims)), Fault::Malformed, "{claims}");
    }
}

#[test]
fn audience_and_issuer_must_be_the_expected_ones() {
    let verifier = made(&Keys { audience: "push".into(), issuer: "shop".into(), ..keys() }).unwrap();
    for (claims, expected) in [
        (json!({"aud": "push", "iss": "shop"}), None),
        (json!({"aud": ["a", "push"], "iss": "shop"}), None),
        (json!({"aud": ["a"], "iss": "shop"}), Some(Fault::Audience)),
        (json!({"aud": "pushy", "iss": "shop"}), Some(Fault::Audience)),
        (json!({"iss": "shop"}), Some(Fault::Audience)),
        (json!({"aud": "push", "iss": "Shop"}), Some(Fault::Issuer)),
        (json!({"aud": "push"}), Some(Fault::Issuer)),
    ] {
        let got = verifier.connection(&token(&claims), NOW);
        assert_eq!(got.err(), expected.map(TokenError::Invalid), "{claims}");
    }
    assert!(super::tests::verifier().connection(&token(&json!({"aud": "a", "iss": "b"})), NOW).is_ok());
}

#[test]
fn expire_at_replaces_exp_as_the_end_of_what_is_allowed() {
    for (claims, expires) in [
        (json!({}), None),
        (json!({"exp": NOW + 9}), Some(NOW + 9)),
        (json!({"exp": NOW + 9, "expire_at": NOW + 99}), Some(NOW + 99)),
        (json!({"exp": NOW + 9, "expire_at": 0}), None),
        (json!({"expire_at": NOW - 1}), Some(NOW - 1)),
    ] {
        assert_eq!(verifier().connection(&token(&claims), NOW).unwrap().expires, expires, "{claims}");
    }
    assert_eq!(verifier().connection(&token(&json!({"exp": 1, "expire_at": 0})), NOW), Err(TokenError::Expired));
}

#[test]
fn a_token_is_for_one_purpose() {
    let connection = token(&json!({"sub": "u", "info": {"name": "Ann"}}));
    let subscription = token(&json!({"sub": "u", "channel": "c"}));
    let invalid = |fault| Err(TokenError::Invalid(fault));
    let verifier = verifier();
    assert_eq!(verifier.connection(&connection, NOW).unwrap().info, "{\"name\":\"Ann\"}");
    assert_eq!(verifier.subscription(&subscription, NOW).unwrap().channel.as_deref(), Some("c"));
    assert_eq!(verifier.connection(&subscription, NOW), invalid(Fault::ForSubscription));
    assert_eq!(verifier.subscription(&connection, NOW), invalid(Fault::NoChannel));
    assert_eq!(verifier.subscription(&token(&json!({"channel": ""})), NOW), invalid(Fault::NoChannel));
}

#[test]
fn a_token_names_what_the_server_subscribes_to() {
    let subs = |claims| verifier().connection(&token(&claims), NOW).unwrap().subs;
    let named = |claims| subs(claims).into_iter().map(|sub| sub.channel).collect::<Vec<_>>();
    assert_eq!(named(json!({"channels": ["b", "a", "b"]})), ["a", "b"]);
    assert_eq!(named(json!({"channels": null, "subs": null})), Vec::<String>::new());
    assert_eq!(named(json!({"channels": ["c"], "subs": {"a": {}, "b": null}})), ["a", "b"]);
    assert_eq!(named(json!({"channels": ["c"], "subs": {}})), ["c"]);
    let all = subs(json!({"subs": {"a": {
        "info": {"n": 1}, "b64data": "/wA=", "data": 2,
        "override": {"presence": {"value": false}, "force_recovery": {"value": true}, "join_leave": {}, "else": 1},
    }}}));
    let changes = Changes {
        presence: Some(false),
        join_leave: Some(false),
        force_push_join_leave: None,
        force_positioning: None,
        force_recovery: Some(true),
    };
    assert_eq!(all, [TokenSub { channel: "a".into(), info: "{\"n\":1}".into(), data: vec![0xff, 0], changes }]);
    for wrong in [
        json!({"channels": "a"}),
        json!({"channels": [1]}),
        json!({"subs": ["a"]}),
        json!({"subs": {"a": {"override": 1}}}),
    ] {
        assert!(verifier().connection(&token(&wrong), NOW).is_err(), "{wrong}");
    }
    let of_one = json!({"channel": "a", "data": {"d": 1}, "override": {"join_leave": {"value": true}}});
    let told = verifier().subscription(&token(&of_one), NOW).unwrap();
    assert_eq!((told.data.as_slice(), told.changes.join_leave), (b"{\"d\":1}".as_slice(), Some(true)));
}

#[test]
fn a_token_has_a_name_and_a_time() {
    for (claims, id, issued) in [
        (json!({"jti": "a-token", "iat": NOW - 7}), "a-token", Some(NOW - 7)),
        (json!({"jti": 12}), "12", None),
        (json!({"jti": null, "iat": null}), "", None),
    ] {
        let told = verifier().connection(&token(&claims), NOW).unwrap();
        assert_eq!((told.id.as_str(), told.issued), (id, issued), "{claims}");
    }
}

#[test]
fn caps_are_of_connections_and_operations_of_subscriptions() {
    let caps = json!([{"channels": ["a"], "allow": ["sub"], "deny": ["pub"]}]);
    let told = verifier().connection(&token(&json!({"sub": "u", "caps": caps, "allow": 7})), NOW).unwrap();
    assert_eq!(
        (told.caps.len(), told.caps[0].channels.as_slice(), told.allow.len()),
        (1, ["a".to_owned()].as_slice(), 0)
    );
    let of_one = json!({"channel": "a", "allow": ["pub", "hst"], "deny": ["prs"], "caps": "any other claim"});
    let told = verifier().subscription(&token(&of_one), NOW).unwrap();
    assert_eq!((told.allow, told.deny), (vec![Operation::Publish, Operation::History], vec![Operation::Presence]));
    assert_eq!(verifier().connection(&token(&json!({"caps": null})), NOW).unwrap().caps, []);
    for (wrong, expected) in [
        (json!({"caps": {}}), CapFault::Malformed),
        (json!({"caps": [{"channels": ["a"], "allow": ["all"]}]}), CapFault::Malformed),
        (json!({"caps": [{"channels": ["("], "match": "regex", "allow": ["sub"]}]}), CapFault::Regex),
    ] {
        assert_eq!(fault(&verifier(), &token(&wrong)), Fault::Caps(expected), "{wrong}");
    }
    let wrong = json!({"channel": "a", "allow": ["everything"]});
    let refused = verifier().subscription(&token(&wrong), NOW);
    assert_eq!(refused, Err(TokenError::Invalid(Fault::Caps(CapFault::Malformed))));
}

#[test]
fn what_is_signed_verifies() {
    let keys = Keys { audience: "push".into(), issuer: "shop".into(), ..keys() };
    let verifier = made(&keys).unwrap();
    let (info, meta) = (Some("{\"a\": 1}".into()), Some("{\"tenant\": 7}".into()));
    let wish = Wish { user: "u".into(), channel: None, info, meta, ttl_s: Some(60), ..Wish::default() };
    let text = sign(&keys, &wish, NOW).unwrap();
    let token = Token {
        user: "u".into(),
        channel: None,
        info: "{\"a\": 1}".into(),
        meta: "{\"tenant\": 7}".into(),
        expires: Some(NOW + 60),
        id: String::new(),
        issued: Some(NOW),
        subs: Vec::new(),
        data: Vec::new(),
        changes: Changes::default(),
        caps: Vec::new(),
        allow: Vec::new(),
        deny: Vec::new(),
    };
    assert_eq!(verifier.connection(&text, NOW), Ok(token));
    assert_eq!(verifier.connection(&text, NOW + 60), Err(TokenError::Expired));
    let wish = Wish { channel: Some("c".into()), info: None, ..wish };
    let subscription = verifier.subscription(&sign(&keys, &wish, NOW).unwrap(), NOW).unwrap();
    assert_eq!(subscription.meta, "", "a connection has one");
    let caps = Some("[{\"channels\":[\"a\"],\"allow\":[\"sub\"]}]".to_owned());
    let capable = Wish { user: "u".into(), caps, ..Wish::default() };
    assert_eq!(verifier.connection(&sign(&keys, &capable, NOW).unwrap(), NOW).unwrap().caps.len(), 1);
    for wrong in [Wish { caps: Some("[1]".into()), ..Wish::default() }, Wish { channel: Some("c".into()), ..capable }] {
        assert!(matches!(sign(&keys, &wrong, NOW), Err(SignError::Caps(_))));
    }
    let wish = Wish { info: Some("{".into()), ..wish };
    assert!(matches!(sign(&keys, &wish, NOW), Err(SignError::Info(_))));
    let wish = Wish { info: None, meta: Some("{".into()), ..wish };
    assert!(matches!(sign(&keys, &wish, NOW), Err(SignError::Meta(_))));
    assert_eq!(sign(&Keys::default(), &wish, NOW), Err(SignError::NoSecret));
    assert!(!format!("{keys:?} {verifier:?}").contains("secret\""));
}

#[test]
fn what_is_no_key_is_refused() {
    let ec = Keys { rsa_public: include_str!("keys/p256_public.pem").into(), ..Keys::default() };
    let rsa = Keys { ecdsa_public: include_str!("keys/rsa_public.pem").into(), ..Keys::default() };
    assert!(matches!(made(&ec), Err(KeyError::Rsa(_))));
    assert!(matches!(made(&rsa), Err(KeyError::Ecdsa(_))));
}

#[test]
fn the_secret_before_is_good_until_its_day() {
    let keys = Keys { hmac_previous: "old".into(), hmac_previous_until: NOW, ..keys() };
    let old = signed(Algorithm::HS256, &json!({"sub": "u"}), &EncodingKey::from_secret(b"old"));
    let verifier = made(&keys).unwrap();
    assert!(verifier.connection(&old, NOW).is_ok() && verifier.connection(&token(&json!({})), NOW).is_ok());
    assert_eq!(verifier.connection(&old, NOW + 1), Err(TokenError::Invalid(Fault::Signature)));
    let for_ever = made(&Keys { hmac_previous_until: 0, ..keys }).unwrap();
    assert!(for_ever.connection(&old, NOW + 1).is_ok());
}

#[test]
fn patterns_stand_for_several_audiences_and_issuers() {
    let keys = Keys { audience_pattern: "^app-[0-9]$".into(), issuer_pattern: "^(a|b)$".into(), ..keys() };
    let verifier = made(&keys).unwrap();
    for (claims, expected) in [
        (json!({"aud": "app-1", "iss": "a"}), None),
        (json!({"aud": ["x", "app-2"], "iss": "b"}), None),
        (json!({"aud": "app-x", "iss": "a"}), Some(Fault::Audience)),
        (json!({"iss": "a"}), Some(Fault::Audience)),
        (json!({"aud": "app-1", "iss": "c"}), Some(Fault::Issuer)),
    ] {
        assert_eq!(verifier.connection(&token(&claims), NOW).err(), expected.map(TokenError::Invalid), "{claims}");
    }
}

#[test]
fn another_claim_may_name_the_user() {
    for (name, claims, user) in [
        ("uid", json!({"sub": "s", "uid": "u"}), Ok("u")),
        ("who.id", json!({"who": {"id": "u"}}), Ok("u")),
        ("https://shop.example/id", json!({"https://shop.example/id": "u"}), Ok("u")),
        ("uid", json!({"sub": "s"}), Ok("")),
        ("uid", json!({"uid": 7}), Err(TokenError::Invalid(Fault::Malformed))),
    ] {
        let verifier = made(&Keys { user_claim: name.into(), ..keys() }).unwrap();
        let got = verifier.connection(&token(&claims), NOW).map(|token| token.user);
        assert_eq!(got, user.map(str::to_owned), "{name}");
    }
}

#[test]
fn signatures_are_skipped_only_if_it_is_said() {
    let forged = signed(Algorithm::HS256, &json!({"sub": "u", "exp": NOW}), &EncodingKey::from_secret(b"other"));
    let keys = Keys { skip_signature: true, ..Keys::default() };
    assert!(!keys.is_empty());
    let verifier = made(&keys).unwrap();
    assert_eq!(verifier.connection(&forged, NOW - 1).unwrap().user, "u");
    assert_eq!(verifier.connection(&forged, NOW), Err(TokenError::Expired));
}

#[test]
fn an_info_may_be_in_base64() {
    let info = |claims: &Value| verifier().connection(&token(claims), NOW).unwrap().info;
    assert_eq!(info(&json!({"info": 1, "b64info": "eyJhIjoxfQ=="})), "{\"a\":1}");
    assert_eq!(info(&json!({"b64info": "////"})), "", "it is no JSON");
}

#[test]
fn claims_are_an_object_and_what_must_be_understood_is_not() {
    for claims in [json!([]), json!(["ann"]), json!("ann"), json!(null)] {
        assert_eq!(fault(&verifier(), &token(&claims)), Fault::Malformed, "{claims}");
    }
    // Signed by hand: the library writes no such header.
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let head = json!({"alg": "HS256", "crit": ["exp"]});
    let message = format!("{}.{}", encode(&head), encode(&json!({"sub": "ann"})));
    let key = EncodingKey::from_secret(b"secret");
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    assert_eq!(fault(&verifier(), &format!("{message}.{signature}")), Fault::Malformed);
}
