//! Flags: who asks and may they, both delegated to an API server.

use clap::Args;

use crate::config::content::Content;
use crate::config::fault::Faults;
use crate::config::settings::{Authentication, Authorization};
use crate::config::value::{duration, given, list};

/// Who asks.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Authentication and authorization")]
pub struct AuthenticationArgs {
    /// Kubeconfig file of the API server that authenticates; without it, the one of --kubeconfig
    #[arg(long, env = "KUBE_VITALS_AUTHENTICATION_KUBECONFIG", value_name = "FILE")]
    pub authentication_kubeconfig: Option<String>,

    /// How long the answer to a TokenReview is believed; 0 asks anew each time
    #[arg(
        long,
        env = "KUBE_VITALS_AUTHENTICATION_TOKEN_WEBHOOK_CACHE_TTL",
        value_name = "DURATION",
        default_value = "10s"
    )]
    pub authentication_token_webhook_cache_ttl: String,
}

/// May they.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Authentication and authorization")]
pub struct AuthorizationArgs {
    /// Kubeconfig file of the API server that authorizes; without it, the one of --kubeconfig
    #[arg(long, env = "KUBE_VITALS_AUTHORIZATION_KUBECONFIG", value_name = "FILE")]
    pub authorization_kubeconfig: Option<String>,

    /// Paths anybody may read; a * at the end stands for any rest
    #[arg(
        long,
        env = "KUBE_VITALS_AUTHORIZATION_ALWAYS_ALLOW_PATHS",
        value_name = "LIST",
        default_value = "/healthz,/readyz,/livez"
    )]
    pub authorization_always_allow_paths: String,

    /// How long an allowance is believed; 0 asks anew each time
    #[arg(
        long,
        env = "KUBE_VITALS_AUTHORIZATION_WEBHOOK_CACHE_AUTHORIZED_TTL",
        value_name = "DURATION",
        default_value = "10s"
    )]
    pub authorization_webhook_cache_authorized_ttl: String,

    /// How long a denial is believed; 0 asks anew each time
    #[arg(
        long,
        env = "KUBE_VITALS_AUTHORIZATION_WEBHOOK_CACHE_UNAUTHORIZED_TTL",
        value_name = "DURATION",
        default_value = "10s"
    )]
    pub authorization_webhook_cache_unauthorized_ttl: String,
}

impl AuthenticationArgs {
    pub(in crate::config) fn read(&self, faults: &mut Faults) -> Option<Authentication> {
        let kubeconfig =
            faults.file("--authentication-kubeconfig", given(self.authentication_kubeconfig.as_deref()), Content::Any);
        let token_ttl = faults.read(
            "--authentication-token-webhook-cache-ttl",
            &self.authentication_token_webhook_cache_ttl,
            duration,
        );
        Some(Authentication { kubeconfig, token_ttl: token_ttl? })
    }
}

impl AuthorizationArgs {
    pub(in crate::config) fn read(&self, faults: &mut Faults) -> Option<Authorization> {
        let kubeconfig =
            faults.file("--authorization-kubeconfig", given(self.authorization_kubeconfig.as_deref()), Content::Any);
        let always_allow_paths =
            faults.read("--authorization-always-allow-paths", &self.authorization_always_allow_paths, paths);
        let allowed_ttl = faults.read(
            "--authorization-webhook-cache-authorized-ttl",
            &self.authorization_webhook_cache_authorized_ttl,
            duration,
        );
        let denied_ttl = faults.read(
            "--authorization-webhook-cache-unauthorized-ttl",
            &self.authorization_webhook_cache_unauthorized_ttl,
            duration,
        );
        Some(Authorization {
            kubeconfig,
            always_allow_paths: always_allow_paths?,
            allowed_ttl: allowed_ttl?,
            denied_ttl: denied_ttl?,
        })
    }
}

fn paths(typed: &str) -> Result<Vec<String>, String> {
    list(typed).map(path).collect()
}

fn path(typed: &str) -> Result<String, String> {
    let fixed = typed.strip_suffix('*').unwrap_or(typed);
    if !typed.starts_with('/') {
        return Err(format!("{typed:?} does not begin with /"));
    }
    if fixed.contains('*') {
        return Err(format!("{typed:?} has a * that is not at its end"));
    }
    // Resources are asked about one by one; an open door there would be open to everybody.
    if ["/api", "/apis"]
        .iter()
        .any(|root| format!("{root}/").starts_with(fixed) || fixed.starts_with(&format!("{root}/")))
    {
        return Err(format!("{typed:?} would cover resources; only paths beside /api and /apis can be opened"));
    }
    Ok(typed.to_owned())
}
