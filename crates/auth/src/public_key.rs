//! One public key, and which algorithms it is for. The library knows all of them but ES512.
use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED, ParsedPublicKey};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};

/// A key that verifies signatures.
pub(crate) enum PublicKey {
    /// The library's.
    Library(DecodingKey),
    /// On the curve P-521.
    P521(ParsedPublicKey),
}

/// A token as it was signed.
#[derive(Clone, Copy)]
pub(crate) struct Signed<'a> {
    /// `alg`.
    pub(crate) algorithm: &'a str,
    /// Header and claims, as they stand in the token.
    pub(crate) message: &'a str,
    pub(crate) signature: &'a str,
}

impl PublicKey {
    /// Reads an ECDSA key in PEM.
    pub(crate) fn ecdsa(pem: &str) -> Result<Self, String> {
        if let Ok(parsed) = pem::parse(pem)
            && let Ok(key) = ParsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, parsed.contents())
        {
            return Ok(Self::P521(key));
        }
        DecodingKey::from_ec_pem(pem.as_bytes()).map(Self::Library).map_err(|error| error.to_string())
    }

    /// Reads a published key; `None` for those that are not for signatures, or of no use here.
    pub(crate) fn published(key: &Jwk) -> Option<Self> {
        if matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption)) {
            return None;
        }
        if let AlgorithmParameters::EllipticCurve(curve) = &key.algorithm
            && curve.curve == EllipticCurve::P521
        {
            // An uncompressed point (SEC 1, section 2.3.3).
            let mut point = vec![4];
            for coordinate in [&curve.x, &curve.y] {
                let bytes = BASE64_URL_SAFE_NO_PAD.decode(coordinate).ok()?;
                point.resize(point.len() + 66_usize.checked_sub(bytes.len())?, 0);
                point.extend_from_slice(&bytes);
            }
            return ParsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, point).ok().map(Self::P521);
        }
        // A published secret is none.
        let key = DecodingKey::from_jwk(key).ok()?;
        (key.family() != AlgorithmFamily::Hmac).then_some(Self::Library(key))
    }

    /// Whether it has signed the token. `None`: it is not for this algorithm.
    #[expect(clippy::wildcard_enum_match_arm, reason = "an algorithm that is not named is not taken, now or later")]
    pub(crate) fn verifies(&self, signed: Signed<'_>) -> Option<bool> {
        match self {
            Self::P521(key) => {
                let signature = BASE64_URL_SAFE_NO_PAD.decode(signed.signature);
                let is_right = |bytes: Vec<u8>| key.verify_sig(signed.message.as_bytes(), &bytes).is_ok();
                (signed.algorithm == "ES512").then(|| signature.is_ok_and(is_right))
            }
            Self::Library(key) => {
                let algorithm: Algorithm = signed.algorithm.parse().ok()?;
                let is_for = match algorithm {
                    Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => AlgorithmFamily::Hmac,
                    Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512 => AlgorithmFamily::Rsa,
                    Algorithm::ES256 | Algorithm::ES384 => AlgorithmFamily::Ec,
                    Algorithm::EdDSA => AlgorithmFamily::Ed,
                    _ => return None,
                };
                let verify =
                    || jsonwebtoken::crypto::verify(signed.signature, signed.message.as_bytes(), key, algorithm);
                (is_for == key.family()).then(|| verify().unwrap_or(false))
            }
        }
    }
}
