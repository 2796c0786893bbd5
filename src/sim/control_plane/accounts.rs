//! Who may speak to the pretend API server: a few fixed accounts, each with a token made at start.

use std::collections::HashMap;
use std::sync::Arc;

use http::{HeaderMap, header};
use uuid::Uuid;

/// The accounts of the simulated cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Account {
    /// May do everything.
    Admin,
    /// May read nodes, pods and their metrics.
    Viewer,
    /// May read discovery and health alone.
    Guest,
    /// The service account of the server under test, with the rights its manifests grant.
    Server,
}

/// Somebody who has shown who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) groups: Vec<String>,
}

impl Account {
    const ALL: [Self; 4] = [Self::Admin, Self::Viewer, Self::Guest, Self::Server];

    fn user(self) -> User {
        let (name, group) = match self {
            Self::Admin => ("demo-admin", Some("system:masters")),
            Self::Viewer => ("demo-viewer", Some("demo:viewers")),
            Self::Guest => ("demo-guest", None),
            Self::Server => ("system:serviceaccount:custom-api:custom-api-server", Some("system:serviceaccounts")),
        };
        let groups = group.into_iter().chain(["system:authenticated"]).map(str::to_owned).collect();
        User { name: name.to_owned(), uid: Uuid::new_v4().to_string(), groups }
    }
}

/// The tokens, and whose they are.
#[derive(Debug)]
pub struct Accounts {
    tokens: HashMap<Account, String>,
    users: HashMap<String, Arc<User>>,
}

impl Accounts {
    /// New tokens, which nobody can guess: other people on the machine can reach the port as well.
    pub fn generate() -> Self {
        let tokens: HashMap<_, _> =
            Account::ALL.into_iter().map(|account| (account, Uuid::new_v4().simple().to_string())).collect();
        let users = tokens.iter().map(|(account, token)| (token.clone(), Arc::new(account.user()))).collect();
        Self { tokens, users }
    }

    /// The token of `account`.
    pub fn token(&self, account: Account) -> &str {
        self.tokens.get(&account).map(String::as_str).unwrap_or_default()
    }

    /// Whose token this is.
    pub(crate) fn user(&self, token: &str) -> Option<Arc<User>> {
        self.users.get(token).cloned()
    }

    /// Whose token the request bears. Identity headers mean nothing here: this is the side that
    /// writes them.
    pub(crate) fn authenticate(&self, headers: &HeaderMap) -> Option<Arc<User>> {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| self.user(token.trim())).flatten()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_known_bearer_token_names_a_user() {
        let accounts = Accounts::generate();
        let mut headers = HeaderMap::new();
        headers.insert("x-remote-user", HeaderValue::from_static("demo-admin"));
        assert_eq!(accounts.authenticate(&headers), None);
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer guessed"));
        assert_eq!(accounts.authenticate(&headers), None);
        let value = format!("bearer {}", accounts.token(Account::Viewer));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&value).unwrap());
        assert_eq!(accounts.authenticate(&headers).unwrap().name, "demo-viewer");
    }
}
