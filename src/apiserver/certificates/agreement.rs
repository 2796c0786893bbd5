//! What all replicas serve: read from the Secret, moved on by whoever sees first that it is due.

use std::time::Duration;

use kube::Client;
use rustls::sign::CertifiedKey;

use super::CertificateError;
use super::api_services::Bundles;
use super::material::{Judged, Material, Unfit, names};
use super::rotation::{Phase, Step, Vigil};
use super::secret::{Kept, SharedSecret, Written};
use crate::clock::Clock;
use crate::config::Service;
use crate::telemetry::causes;

/// Rounds of read and write; replicas that start together need two.
const ROUNDS: usize = 5;

/// One replica's view of it.
pub(super) struct Agreement {
    secret: SharedSecret,
    names: [String; 4],
    clock: Clock,
    overlap: Duration,
    /// How long all has been in place for the next step of an exchange of authorities.
    vigil: Vigil<(Phase, Material)>,
    /// What was last agreed on: a Secret that is lost or damaged gets it back.
    last: Option<Material>,
    /// What was last told about a step that is due and cannot be taken.
    trouble: Option<String>,
}

/// What is to be served.
pub(super) struct Agreed {
    pub(super) material: Material,
    pub(super) pair: CertifiedKey,
    /// The end of the authority that vouches for it, in seconds since 1970.
    pub(super) authority_ending: Option<i64>,
}

impl Agreement {
    pub(super) fn new(client: Client, service: &Service, clock: Clock, overlap: Duration) -> Self {
        Self {
            secret: SharedSecret::new(client, service),
            names: names(service),
            clock,
            overlap,
            vigil: Vigil::default(),
            last: None,
            trouble: None,
        }
    }

    /// `namespace/name` of the Secret.
    pub(super) fn secret(&self) -> String {
        self.secret.path()
    }

    /// A pair of nobody's authority, made here and kept nowhere.
    pub(super) fn stand_in(&self) -> Result<CertifiedKey, CertificateError> {
        let now = self.clock.now();
        let made = Material::default().after(Step::Found, &self.names, now).map_err(CertificateError::Making)?;
        made.judge(&self.names, now).pair.map_err(|unfit| CertificateError::MadeUnfit(Box::new(unfit)))
    }

    /// What was agreed on is too old to be put back anywhere.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }

    /// What is kept, after every step that is due. A step that cannot be taken spoils nothing that can
    /// be served.
    pub(super) async fn settle(&mut self, bundles: &Bundles) -> Result<Agreed, CertificateError> {
        for _ in 0..ROUNDS {
            let kept = self.secret.read().await?;
            let mut judged = kept.material.judge(&self.names, self.clock.now());
            judged.state.is_asked = kept.is_asked();
            let Some(step) = self.due(&kept, &judged, bundles).await else {
                self.trouble = None;
                return self.agreed(kept, judged);
            };
            match self.take(step, &kept, &judged).await {
                // What was written is read again: it is what all see.
                Ok(Written::Done | Written::Overtaken) => {}
                Err(error) if judged.pair.is_ok() => {
                    self.tell(causes(&error));
                    return self.agreed(kept, judged);
                }
                Err(error) => return Err(error),
            }
        }
        Err(CertificateError::Contended { secret: self.secret.path() })
    }

    async fn due(&mut self, kept: &Kept, judged: &Judged, bundles: &Bundles) -> Option<Step> {
        if kept.is_anothers() && judged.pair.is_ok() {
            return None;
        }
        let phase = judged.state.phase();
        let in_place = phase != Phase::Announced || bundles.are_all(&kept.material.authorities).await;
        let held = if in_place {
            self.vigil.see((phase, kept.material.clone()))
        } else {
            self.vigil.interrupt();
            Duration::ZERO
        };
        judged.state.next(held, self.overlap)
    }

    async fn take(&self, step: Step, kept: &Kept, judged: &Judged) -> Result<Written, CertificateError> {
        let now = self.clock.now();
        let reason = judged.pair.as_ref().err().map(|unfit| causes(unfit)).unwrap_or_default();
        let kept_before = self.last.as_ref().filter(|_| step == Step::Found);
        let restored = kept_before.filter(|last| last.judge(&self.names, now).pair.is_ok());
        let material = match restored {
            Some(last) => last.clone(),
            None => self.after(step, kept, judged)?,
        };
        let brings_authority = restored.is_none() && material.issuer_key != kept.material.issuer_key;
        let written = self.secret.write(kept, &material, brings_authority).await?;
        if matches!(written, Written::Done) {
            let step = if restored.is_some() { "what we serve was put back" } else { step.told() };
            tracing::info!(secret = self.secret.path(), exists = kept.exists(), reason, "{step}");
        }
        Ok(written)
    }

    /// What is made is judged before it is kept.
    fn after(&self, step: Step, kept: &Kept, judged: &Judged) -> Result<Material, CertificateError> {
        let now = self.clock.now();
        let made = |step| kept.material.after(step, &self.names, now).map_err(CertificateError::Making);
        let first = made(step)?;
        if first.judge(&self.names, now).pair.is_ok() {
            return Ok(first);
        }
        // The issuer is one that clients do not take for an authority: another is needed.
        let other = made(if judged.pair.is_ok() { Step::Announce } else { Step::Found })?;
        other.judge(&self.names, now).pair.map_err(|unfit| CertificateError::MadeUnfit(Box::new(unfit)))?;
        Ok(other)
    }

    fn agreed(&mut self, kept: Kept, judged: Judged) -> Result<Agreed, CertificateError> {
        let Judged { pair, authority_ending, .. } = judged;
        let pair = pair.map_err(|source| self.unfit(&kept, source))?;
        self.last = Some(kept.material.clone());
        Ok(Agreed { material: kept.material, pair, authority_ending })
    }

    fn unfit(&self, kept: &Kept, source: Unfit) -> CertificateError {
        let remedy = kept.refusal().unwrap_or_else(|| "is this machine's clock right?".to_owned());
        CertificateError::Unfit { secret: self.secret.path(), remedy, source: Box::new(source) }
    }

    /// Once for each change of it.
    fn tell(&mut self, trouble: String) {
        if self.trouble.as_ref() != Some(&trouble) {
            tracing::warn!(trouble, "the certificate is served as it is");
            self.trouble = Some(trouble);
        }
    }
}
