//! Certificates and keys, as Centrifugo writes them.
use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hook::{Identity, TlsSettings};

use super::values::Values;

/// How TLS is spoken to a back end by the section whose keys begin with `before`, if it is enabled.
///
/// # Errors
/// The key within the section that is wrong, and why.
pub(super) fn tls(values: &Values, before: &str) -> Result<Option<TlsSettings>, (&'static str, String)> {
    let of = |key: &str| format!("{before}{key}");
    if !values.flag(&of("enabled")) {
        return Ok(None);
    }
    let read = |key: &'static str| pem(&values.text(&of(key))).map_err(|reason| (key, reason));
    let (chain, key) = (read("cert_pem")?, read("key_pem")?);
    let identity = match (chain.is_empty(), key.is_empty()) {
        (true, true) => None,
        (false, false) => Some(Identity { chain, key }),
        (false, true) => return Err(("key_pem", "cert_pem is there, and its key is not".to_owned())),
        (true, false) => return Err(("cert_pem", "key_pem is there, and its certificate is not".to_owned())),
    };
    Ok(Some(TlsSettings {
        authorities: read("server_ca_pem")?,
        identity,
        name: values.text(&of("server_name")),
        is_unverified: values.flag(&of("insecure_skip_verify")),
    }))
}

/// What is PEM, is PEM in base64, or else a file's path. The text itself may be a key: it is not said.
fn pem(text: &str) -> Result<Vec<u8>, String> {
    let is_pem = |bytes: &[u8]| bytes.windows(11).any(|window| window == b"-----BEGIN ");
    if text.is_empty() || is_pem(text.as_bytes()) {
        return Ok(text.as_bytes().to_vec());
    }
    match STANDARD.decode(text.trim()) {
        Ok(decoded) if is_pem(&decoded) => Ok(decoded),
        Ok(_) | Err(_) => {
            fs::read(text).map_err(|error| format!("it is neither PEM nor a file that can be read: {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_may_be_written_in_three_ways() {
        let text = "-----BEGIN CERTIFICATE-----\nAQ==\n-----END CERTIFICATE-----\n";
        assert_eq!(pem(text).unwrap(), text.as_bytes());
        assert_eq!(pem(&STANDARD.encode(text)).unwrap(), text.as_bytes());
        let path = std::env::temp_dir().join(format!("ringcast-pem-{}", std::process::id()));
        fs::write(&path, text).unwrap();
        assert_eq!(pem(path.to_str().unwrap()).unwrap(), text.as_bytes());
        fs::remove_file(&path).unwrap();
        assert!(pem(path.to_str().unwrap()).is_err() && pem("AQ==").is_err());
        assert_eq!(pem(""), Ok(Vec::new()));
    }
}
