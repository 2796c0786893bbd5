//! The Secret in which all replicas share one certificate.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, Client};
use rustls::sign::CertifiedKey;

use super::CertificateError;
use super::material::{Material, names};
use crate::clock::UnixMillis;
use crate::config::Service;

const KIND: &str = "kubernetes.io/tls";
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
const AUTHORITY: &str = "ca.crt";
const AUTHORITY_KEY: &str = "ca.key";
/// Rounds of read and write; replicas that start together need two.
const ROUNDS: usize = 5;

/// The Secret of one Service.
pub(super) struct SharedSecret {
    api: Api<Secret>,
    name: String,
    namespace: String,
    names: [String; 4],
}

impl SharedSecret {
    pub(super) fn new(client: Client, service: &Service) -> Self {
        Self {
            api: Api::namespaced(client, &service.namespace),
            name: format!("{}-serving-cert", service.name),
            namespace: service.namespace.clone(),
            names: names(service),
        }
    }

    /// The certificate that all replicas agree on: the one kept, as long as it is good, else one that
    /// this replica makes, unless another was faster. An unfit one is replaced, whoever put it there;
    /// an operator may create the Secret empty, so that we need no right to create any.
    pub(super) async fn settle(&self, now: UnixMillis) -> Result<(Material, CertifiedKey), CertificateError> {
        for _ in 0..ROUNDS {
            let kept = self.api.get_opt(&self.name).await.map_err(|source| self.out_of_reach(source))?;
            if let Some(secret) = &kept {
                let material = read(secret);
                match material.still_good(&self.names, now) {
                    Ok(pair) => return Ok((material, pair)),
                    Err(unfit) => {
                        tracing::info!(secret = self.path(), %unfit, "the serving certificate is made anew");
                    }
                }
            }
            let material = Material::make(&self.names, now).map_err(CertificateError::Making)?;
            let pair = material.still_good(&self.names, now).map_err(CertificateError::MadeUnfit)?;
            match self.write(&material, kept).await {
                Ok(()) => return Ok((material, pair)),
                // Another replica was faster: its certificate counts.
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                Err(source) => return Err(self.out_of_reach(source)),
            }
        }
        Err(CertificateError::Contended { secret: self.path() })
    }

    /// Creates the Secret, or replaces exactly the one that was read.
    async fn write(&self, material: &Material, kept: Option<Secret>) -> Result<(), kube::Error> {
        let data: BTreeMap<String, ByteString> = [
            (CERTIFICATE, &material.certificate),
            (KEY, &material.key),
            (AUTHORITY, &material.authority),
            (AUTHORITY_KEY, &material.authority_key),
        ]
        .map(|(key, pem)| (key.to_owned(), ByteString(pem.clone().into_bytes())))
        .into();
        let parameters = PostParams::default();
        if let Some(kept) = kept {
            let secret = Secret { data: Some(data), ..kept };
            self.api.replace(&self.name, &parameters, &secret).await.map(drop)
        } else {
            let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
            let secret = Secret { metadata, data: Some(data), type_: Some(KIND.to_owned()), ..Secret::default() };
            self.api.create(&parameters, &secret).await.map(drop)
        }
    }

    fn out_of_reach(&self, source: kube::Error) -> CertificateError {
        CertificateError::Secret { secret: self.path(), source: Box::new(source) }
    }

    fn path(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

fn read(secret: &Secret) -> Material {
    let part = |key: &str| {
        let bytes = secret.data.as_ref().and_then(|data| data.get(key)).map(|bytes| bytes.0.as_slice());
        String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
    };
    Material {
        authority: part(AUTHORITY),
        authority_key: part(AUTHORITY_KEY),
        certificate: part(CERTIFICATE),
        key: part(KEY),
    }
}
