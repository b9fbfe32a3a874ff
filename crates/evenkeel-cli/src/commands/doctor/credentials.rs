//! The credentials that the configuration names: whether they are there, and can be used.

use evenkeel_core::config::SourceSpec;
use evenkeel_core::request::SecretRef;
use evenkeel_core::transport::TransportError;
use evenkeel_transport::{Credentials, private_key_works};

use super::Finding;
use super::files::is_ssh;
use crate::controller::Configuration;

/// What a credential has to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// This.
    One(&'static str),
    /// A private key that can be read.
    Key,
    /// `token`, or `username` and `password`.
    Login,
}

pub(super) fn look(configuration: &Configuration, credentials: &dyn Credentials) -> Vec<Finding> {
    wanted(configuration)
        .into_iter()
        .map(|(whose, name, need)| judge(&whose, &name, need, credentials))
        .collect()
}

/// Whose credential it is, its name, and what it is for.
fn wanted(configuration: &Configuration) -> Vec<(String, String, Need)> {
    let spec = &configuration.controller;
    let tokens = spec.tokens.iter().map(|token| {
        (format!("the token {}", token.name), token.credentials_ref.clone(), Need::One("token"))
    });
    let webhooks = spec.webhooks.iter().map(|webhook| {
        (format!("the webhook {}", webhook.name), webhook.credentials_ref.clone(), Need::One("webhookSecret"))
    });
    let sources = configuration.sources.iter().filter_map(|(name, source)| match source {
        SourceSpec::Git(git) => {
            let need = if is_ssh(git) { Need::Key } else { Need::Login };
            Some((format!("the source {name}"), git.credentials_ref.clone()?, need))
        }
        SourceSpec::Directory(_) => None,
    });
    tokens.chain(webhooks).chain(sources).collect()
}

fn judge(whose: &str, name: &str, need: Need, credentials: &dyn Credentials) -> Finding {
    let about = format!("credential {name}");
    let secret = |key: &str| SecretRef { name: name.to_owned(), key: key.to_owned() };
    let found: Result<&'static str, TransportError> = match need {
        Need::One(key) => credentials.get(&secret(key)).map(|_| key),
        Need::Key => credentials
            .get(&secret("privateKey"))
            .and_then(|key| {
                let passphrase = credentials.find(&secret("passphrase"))?;
                Ok((key, passphrase))
            })
            .and_then(|(key, passphrase)| match private_key_works(&key, passphrase.as_ref()) {
                Ok(()) => Ok("privateKey"),
                Err(why) => Err(unusable(name, &why)),
            }),
        Need::Login => match credentials.find(&secret("token")) {
            Ok(Some(_)) => Ok("token"),
            Ok(None) => credentials
                .get(&secret("username"))
                .and_then(|_| credentials.get(&secret("password")))
                .map(|_| "username and password"),
            Err(error) => Err(error),
        },
    };
    match found {
        Ok(key) => Finding::ok(about, format!("its {key} for {whose} can be read")),
        Err(TransportError { message, hint, .. }) => {
            let mend = hint.unwrap_or_else(|| "see docs/security.md for where credentials may be".to_owned());
            Finding::problem(about, format!("{whose} cannot use it: {message}"), mend)
        }
    }
}

fn unusable(name: &str, why: &str) -> TransportError {
    use evenkeel_core::transport::TransportErrorKind;
    let message = format!("the `privateKey` of {name} is not usable: {why}");
    TransportError::new(TransportErrorKind::Credentials, message)
        .hint("copy the whole file of the private key, with its BEGIN and END lines; a new one: ssh-keygen -t ed25519")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use secrecy::SecretString;

    use super::super::Verdict;
    use super::*;

    /// Credentials by `name/key`.
    struct Fake(BTreeMap<&'static str, &'static str>);

    impl Credentials for Fake {
        fn find(&self, secret: &SecretRef) -> Result<Option<SecretString>, TransportError> {
            let found = self.0.get(format!("{}/{}", secret.name, secret.key).as_str());
            Ok(found.map(|value| SecretString::from(*value)))
        }

        fn whereabouts(&self, secret: &SecretRef) -> String {
            format!("write it to {}/{}", secret.name, secret.key)
        }
    }

    #[test]
    fn what_is_missing_or_no_key_is_said_with_what_to_mend() {
        let fake = Fake(BTreeMap::from([
            ("api/token", "canary-canary"),
            ("key/privateKey", "canary-canary"),
            ("forge/username", "ada"),
        ]));
        let cases = [
            ("api", Need::One("token"), Verdict::Ok, "its token for x can be read", ""),
            (
                "api",
                Need::One("webhookSecret"),
                Verdict::Problem,
                "has no `webhookSecret`",
                "api/webhookSecret",
            ),
            ("api", Need::Login, Verdict::Ok, "its token", ""),
            ("forge", Need::Login, Verdict::Problem, "has no `password`", "forge/password"),
            ("key", Need::Key, Verdict::Problem, "not a private key", "BEGIN and END"),
            ("none", Need::Key, Verdict::Problem, "has no `privateKey`", "none/privateKey"),
        ];
        for (name, need, verdict, message, mend) in cases {
            let found = judge("x", name, need, &fake);
            assert_eq!(found.verdict, verdict, "{found:?}");
            assert!(found.message.contains(message), "{found:?}");
            assert!(!format!("{found:?}").contains("canary"), "{found:?}");
            assert!(found.mend.unwrap_or_default().contains(mend), "{name}");
        }
    }
}
