//! TLS to back ends: whose certificates are believed, which name they must have, and which certificate is shown in return.
use std::fmt;
use std::sync::Arc;

use hyper_rustls::{ConfigBuilderExt as _, FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use anybody::Anybody;

use crate::settings::{Protocol, SettingsError};

mod anybody;

/// How a back end is reached by TLS. The default: by the authorities of the system, which have certified the host of its URL.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TlsSettings {
    /// Certificates of the authorities that are believed, in PEM; empty: the system's.
    pub authorities: Vec<u8>,
    /// Who the server says it is to a back end that asks.
    pub identity: Option<Identity>,
    /// The name that the back end's certificate must have, and that it is asked for; empty: the host of the URL.
    pub name: String,
    /// Whether anybody is believed to be the back end: for development only.
    pub is_unverified: bool,
}

/// A certificate and its key.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate in PEM, behind it those that lead to its authority.
    pub chain: Vec<u8>,
    /// The private key in PEM.
    pub key: Vec<u8>,
}

impl fmt::Debug for Identity {
    /// Without the key.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Identity").field("chain", &self.chain.len()).finish_non_exhaustive()
    }
}

/// What is wrong with one of the settings, by Centrifugo's name of it.
type Wrong = (&'static str, String);

impl TlsSettings {
    /// Looks whether TLS can go by it.
    ///
    /// # Errors
    /// Which of the settings is wrong, as Centrifugo calls it below `tls`, and what is wrong with it.
    pub fn check(&self) -> Result<(), Wrong> {
        // First what is written: a system without certificates is not what is wrong with a name.
        self.name()?;
        self.config().map(drop)
    }

    /// Has a connector speak TLS to `https:` URLs.
    pub(crate) fn wrap(
        &self,
        connector: HttpConnector,
        protocol: Protocol,
    ) -> Result<HttpsConnector<HttpConnector>, SettingsError> {
        let wrong = |(_, reason)| SettingsError::Tls(reason);
        let mut builder = HttpsConnectorBuilder::new().with_tls_config(self.config().map_err(wrong)?).https_or_http();
        if let Some(name) = self.name().map_err(wrong)? {
            builder = builder.with_server_name_resolver(FixedServerNameResolver::new(name));
        }
        Ok(match protocol {
            Protocol::Agreed => builder.enable_all_versions().wrap_connector(connector),
            Protocol::Http1 => builder.enable_http1().wrap_connector(connector),
            Protocol::H2 => builder.enable_http2().wrap_connector(connector),
        })
    }

    fn name(&self) -> Result<Option<ServerName<'static>>, Wrong> {
        if self.name.is_empty() {
            return Ok(None);
        }
        let name = ServerName::try_from(self.name.clone());
        name.map(Some).map_err(|_| ("server_name", format!("'{}' is no name of a host", self.name)))
    }

    fn config(&self) -> Result<ClientConfig, Wrong> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let anybody = Anybody::new(&provider);
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| ("enabled", error.to_string()))?;
        let builder = if self.is_unverified {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(anybody))
        } else if self.authorities.is_empty() {
            let roots = builder.with_native_roots();
            roots.map_err(|error| ("server_ca_pem", format!("the system's certificates can't be read: {error}")))?
        } else {
            builder.with_root_certificates(authorities(&self.authorities)?)
        };
        let Some(Identity { chain, key }) = &self.identity else {
            return Ok(builder.with_no_client_auth());
        };
        let key = PrivateKeyDer::from_pem_slice(key);
        let key = key.map_err(|error| ("key_pem", format!("there is no private key in PEM in it: {error}")))?;
        let config = builder.with_client_auth_cert(certificates(chain, "cert_pem")?, key);
        config.map_err(|error| ("key_pem", format!("it is not the key of cert_pem, or can't be used: {error}")))
    }
}

fn authorities(pem: &[u8]) -> Result<RootCertStore, Wrong> {
    let key = "server_ca_pem";
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, key)? {
        roots.add(certificate).map_err(|error| (key, format!("one of its certificates is none: {error}")))?;
    }
    Ok(roots)
}

fn certificates(pem: &[u8], key: &'static str) -> Result<Vec<CertificateDer<'static>>, Wrong> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        Ok(_) => Err((key, "there is no certificate in PEM in it".to_owned())),
        Err(error) => Err((key, format!("it is no PEM: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // P-256, self-signed, and without a meaning anywhere.
    const CERTIFICATE: &[u8] = include_bytes!("tls/certificate.pem");
    const KEY: &[u8] = include_bytes!("tls/key.pem");
    const OTHER_KEY: &[u8] = include_bytes!("tls/other_key.pem");

    fn identity(chain: &[u8], key: &[u8]) -> Option<Identity> {
        Some(Identity { chain: chain.to_vec(), key: key.to_vec() })
    }

    #[test]
    fn what_tls_can_go_by() {
        let authorities = CERTIFICATE.to_vec();
        let identity = identity(CERTIFICATE, KEY);
        let own = TlsSettings { authorities, identity, name: "back.example".into(), is_unverified: false };
        assert_eq!(own.check(), Ok(()));
        assert_eq!(TlsSettings { is_unverified: true, ..own.clone() }.check(), Ok(()));
        assert!(!format!("{own:?}").contains(&format!("{:?}", &KEY[..20])), "a key is not shown");
        for protocol in [Protocol::Agreed, Protocol::Http1, Protocol::H2] {
            assert!(own.wrap(HttpConnector::new(), protocol).is_ok());
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_its_name() {
        let authorities = CERTIFICATE.to_vec();
        let own = TlsSettings { authorities, ..TlsSettings::default() };
        for (wrong, key) in [
            (TlsSettings { authorities: b"nothing".to_vec(), ..own.clone() }, "server_ca_pem"),
            (TlsSettings { authorities: KEY.to_vec(), ..own.clone() }, "server_ca_pem"),
            (TlsSettings { name: "a b".into(), ..own.clone() }, "server_name"),
            (TlsSettings { identity: identity(b"", KEY), ..own.clone() }, "cert_pem"),
            (TlsSettings { identity: identity(CERTIFICATE, CERTIFICATE), ..own.clone() }, "key_pem"),
            (TlsSettings { identity: identity(CERTIFICATE, OTHER_KEY), ..own.clone() }, "key_pem"),
        ] {
            assert_eq!(wrong.check().map_err(|(key, _)| key), Err(key), "{wrong:?}");
        }
    }
}
