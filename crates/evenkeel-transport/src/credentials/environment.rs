//! Secrets as environment variables.

use std::collections::HashMap;
use std::fmt;

use evenkeel_core::request::SecretRef;
use evenkeel_core::transport::TransportError;
use secrecy::SecretString;

use super::Credentials;

const PREFIX: &str = "EVENKEEL_CRED_";

/// Reads `EVENKEEL_CRED_<NAME>_<KEY>`: name and key in upper case, everything but letters and digits as `_`.
pub struct EnvironmentCredentials {
    variables: HashMap<String, SecretString>,
}

impl EnvironmentCredentials {
    /// The credentials in this process's environment, as it is now.
    pub fn from_env() -> Self {
        let utf8 =
            std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        EnvironmentCredentials::new(utf8)
    }

    /// The credentials among `variables`; others are not kept.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours = variables.into_iter().filter(|(name, _)| name.starts_with(PREFIX));
        EnvironmentCredentials { variables: ours.map(|(k, v)| (k, SecretString::from(v))).collect() }
    }
}

impl fmt::Debug for EnvironmentCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

impl Credentials for EnvironmentCredentials {
    fn find(&self, secret: &SecretRef) -> Result<Option<SecretString>, TransportError> {
        Ok(self.variables.get(&variable(secret)).cloned())
    }

    fn whereabouts(&self, secret: &SecretRef) -> String {
        format!("set the environment variable {}", variable(secret))
    }
}

fn variable(secret: &SecretRef) -> String {
    let upper = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
    };
    format!("{PREFIX}{}_{}", upper(&secret.name), upper(&secret.key))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_variable_is_found_by_name_and_key() {
        let variables = [("EVENKEEL_CRED_OLIVE_SSH_BECOMEPASSWORD", "pw"), ("HOME", "/home/me")];
        let credentials = EnvironmentCredentials::new(variables.map(|(k, v)| (k.to_owned(), v.to_owned())));
        let secret = SecretRef { name: "olive-ssh".into(), key: "becomePassword".into() };
        assert_eq!(credentials.get(&secret).unwrap().expose_secret(), "pw");
        assert_eq!(format!("{credentials:?}"), r#"{"EVENKEEL_CRED_OLIVE_SSH_BECOMEPASSWORD"}"#);
    }

    #[test]
    fn a_missing_variable_is_named_in_the_hint() {
        let credentials = EnvironmentCredentials::new([]);
        let error = credentials.get(&SecretRef { name: "a.b".into(), key: "password".into() }).unwrap_err();
        assert!(error.hint.unwrap().contains("EVENKEEL_CRED_A_B_PASSWORD"));
    }
}
