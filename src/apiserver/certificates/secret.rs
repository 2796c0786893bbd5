//! The Secret in which all replicas share one certificate.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt};

use super::CertificateError;
use super::material::Material;
use crate::config::Service;

const KIND: &str = "kubernetes.io/tls";
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
const AUTHORITIES: &str = "ca.crt";
const ISSUER_KEY: &str = "ca.key";
/// Set by the operator to any word that is not empty; gone when a new authority is announced.
const ASK: &str = "kube-vitals/new-authority";
/// On Secrets that cert-manager keeps.
const CERT_MANAGER: &str = "cert-manager.io/certificate-name";

/// The Secret of one Service.
pub(super) struct SharedSecret {
    api: Api<Secret>,
    name: String,
    namespace: String,
}

/// The Secret as it was read; nothing, where there is none.
#[derive(Default)]
pub(super) struct Kept {
    object: Option<Secret>,
    pub(super) material: Material,
}

/// How a write went.
pub(super) enum Written {
    Done,
    /// Somebody else was faster: what they wrote counts.
    Overtaken,
}

impl SharedSecret {
    pub(super) fn new(client: Client, service: &Service) -> Self {
        Self {
            api: Api::namespaced(client, &service.namespace),
            name: format!("{}-serving-cert", service.name),
            namespace: service.namespace.clone(),
        }
    }

    pub(super) async fn read(&self) -> Result<Kept, CertificateError> {
        let object = self.api.get_opt(&self.name).await.map_err(|source| self.out_of_reach(source))?;
        let material = object.as_ref().map(material).unwrap_or_default();
        Ok(Kept { object, material })
    }

    /// Creates the Secret, or changes exactly the one that was read. Parts that are not ours stay; who
    /// asked for a new authority is answered by a write that brings one, and by no other.
    pub(super) async fn write(
        &self,
        kept: &Kept,
        material: &Material,
        brings_authority: bool,
    ) -> Result<Written, CertificateError> {
        if let Some(remedy) = kept.refusal() {
            return Err(CertificateError::Unwritable { secret: self.path(), remedy });
        }
        let parameters = PostParams::default();
        let written = if let Some(mut secret) = kept.object.clone() {
            fill(&mut secret, material);
            if brings_authority {
                secret.annotations_mut().remove(ASK);
            }
            self.api.replace(&self.name, &parameters, &secret).await
        } else {
            let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
            let mut secret = Secret { metadata, type_: Some(KIND.to_owned()), ..Secret::default() };
            fill(&mut secret, material);
            self.api.create(&parameters, &secret).await
        };
        match written {
            Ok(_) => Ok(Written::Done),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Written::Overtaken),
            Err(kube::Error::Api(status)) if status.code == 403 => {
                let remedy = format!("grant update on it, and create of secrets, to our account ({})", status.message);
                Err(CertificateError::Unwritable { secret: self.path(), remedy })
            }
            Err(source) => Err(self.out_of_reach(source)),
        }
    }

    /// `namespace/name`.
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    fn out_of_reach(&self, source: kube::Error) -> CertificateError {
        CertificateError::Secret { secret: self.path(), source: Box::new(source) }
    }
}

impl Kept {
    pub(super) fn exists(&self) -> bool {
        self.object.is_some()
    }

    /// Whether the operator asks for a new authority.
    pub(super) fn is_asked(&self) -> bool {
        self.annotation(ASK).is_some_and(|word| !word.is_empty())
    }

    /// Whether cert-manager renews it.
    pub(super) fn is_anothers(&self) -> bool {
        self.annotation(CERT_MANAGER).is_some()
    }

    /// Why we must not write it, and what to do.
    pub(super) fn refusal(&self) -> Option<String> {
        if let Some(certificate) = self.annotation(CERT_MANAGER) {
            return Some(format!("cert-manager keeps it: mend its Certificate {certificate:?}, or mount it as files"));
        }
        let is_immutable = self.object.as_ref().and_then(|secret| secret.immutable) == Some(true);
        is_immutable.then(|| "it is immutable: delete it, and it is made anew".to_owned())
    }

    fn annotation(&self, name: &str) -> Option<&str> {
        self.object.as_ref()?.annotations().get(name).map(String::as_str)
    }
}

fn fill(secret: &mut Secret, material: &Material) {
    let data = secret.data.get_or_insert_default();
    for (key, pem) in [
        (CERTIFICATE, &material.certificate),
        (KEY, &material.key),
        (AUTHORITIES, &material.authorities),
        (ISSUER_KEY, &material.issuer_key),
    ] {
        data.insert(key.to_owned(), ByteString(pem.clone().into_bytes()));
    }
}

fn material(secret: &Secret) -> Material {
    let part = |key: &str| {
        let bytes = secret.data.as_ref().and_then(|data| data.get(key)).map(|bytes| bytes.0.as_slice());
        String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
    };
    Material {
        authorities: part(AUTHORITIES),
        issuer_key: part(ISSUER_KEY),
        certificate: part(CERTIFICATE),
        key: part(KEY),
    }
}
