//! Published vectors, and everything that must not pass.

use axum::http::{HeaderName, HeaderValue};

use super::*;

fn key(secret: &str) -> SigningKey {
    SigningKey::new(Provider::GitLab, &SecretString::from(secret)).unwrap()
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn hex_of(secret: &str, parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    for part in parts {
        mac.update(part);
    }
    hex::encode(mac.finalize().into_bytes())
}

const NOW: i64 = 1_795_197_600;

#[test]
fn the_published_vector_of_github() {
    const SIGNATURE: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let key = key("It's a Secret to Everybody");
    let signed = headers(&[("x-hub-signature-256", SIGNATURE)]);
    verify(Provider::GitHub, &key, &signed, b"Hello, World!", at(NOW)).unwrap();
    let upper = headers(&[("x-hub-signature-256", &format!("sha256={}", SIGNATURE[7..].to_uppercase()))]);
    verify(Provider::GitHub, &key, &upper, b"Hello, World!", at(NOW)).unwrap();
    let wrong = verify(Provider::GitHub, &key, &signed, b"Hello, World?", at(NOW)).unwrap_err();
    assert_eq!(wrong, Refusal::Wrong);
}

#[test]
fn the_published_vector_of_standard_webhooks() {
    const TIME: i64 = 1_614_265_330;
    let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let body = br#"{"test": 2432232314}"#;
    let good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let with = |id: &str, time: &str, signature: &str| {
        headers(&[("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", signature)])
    };
    let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    let check =
        |headers: &HeaderMap, body: &[u8], now| verify(Provider::GitLab, &key, headers, body, at(now));
    let right = with(id, "1614265330", good);
    for now in [TIME, TIME - 300, TIME + 300] {
        check(&right, body, now).unwrap();
    }
    for now in [TIME - 301, TIME + 301] {
        assert_eq!(check(&right, body, now), Err(Refusal::Old));
    }
    let other = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    check(&with(id, "1614265330", &format!("{other} v2,x {good}")), body, TIME).unwrap();
    let wrong = [
        (with(id, "1614265330", other), Refusal::Wrong),
        (with("msg_other", "1614265330", good), Refusal::Wrong),
        (with(id, "1614265331", good), Refusal::Wrong),
        (with(id, "1614265330", "v2,x"), Refusal::Malformed("webhook-signature")),
        (with(id, "1614265330", "v1,%"), Refusal::Malformed("webhook-signature")),
        (with(id, "1614265330", "v1,"), Refusal::Wrong),
        (headers(&[("webhook-signature", good), ("webhook-id", id)]), Refusal::Missing("webhook-timestamp")),
        (
            headers(&[("webhook-signature", good), ("webhook-timestamp", "1614265330")]),
            Refusal::Missing("webhook-id"),
        ),
    ];
    for (headers, refusal) in wrong {
        assert_eq!(check(&headers, body, TIME), Err(refusal), "{headers:?}");
    }
    assert_eq!(check(&right, b"{}", TIME), Err(Refusal::Wrong));
}

#[test]
fn a_signed_time_has_one_spelling() {
    let key = key("secret");
    for time in ["", " 1795197600", "+1795197600", "-1", "1795197600.0", "99999999999999999999", "x"] {
        let signature = format!("sha256={}", hex_of("secret", &[time.trim().as_bytes(), b".", b"{}"]));
        let headers = headers(&[("x-timestamp", time), ("x-signature-256", &signature)]);
        assert!(verify(Provider::Generic, &key, &headers, b"{}", at(NOW)).is_err(), "{time}");
    }
}

#[test]
fn gitlab_by_token_and_never_around_a_signature() {
    let plain = key("s3cret-of-gitlab");
    let check = |key: &SigningKey, pairs: &[(&str, &str)]| {
        verify(Provider::GitLab, key, &headers(pairs), b"{}", at(NOW)).map(|_| ())
    };
    check(&plain, &[("x-gitlab-token", "s3cret-of-gitlab")]).unwrap();
    assert_eq!(check(&plain, &[("x-gitlab-token", "s3cret-of-gitla")]), Err(Refusal::Wrong));
    assert_eq!(check(&plain, &[]), Err(Refusal::Missing("x-gitlab-token")));
    // Whoever has the token but no signature does not get past a signature that is there and wrong.
    let both = [
        ("x-gitlab-token", "s3cret-of-gitlab"),
        ("webhook-id", "1"),
        ("webhook-timestamp", "1795197600"),
        ("webhook-signature", "v1,AAAA"),
    ];
    assert_eq!(check(&plain, &both), Err(Refusal::Wrong));
    // A signing token never travels: one that comes along is none.
    let signing = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let leaked = [("x-gitlab-token", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")];
    assert_eq!(check(&signing, &leaked), Err(Refusal::Missing("webhook-signature")));
}

/// For each forge: the header and what stands before the hexadecimal signature.
const SIGNED: [(Provider, &str, &str); 5] = [
    (Provider::GitHub, "x-hub-signature-256", "sha256="),
    (Provider::Gitea, "x-gitea-signature", ""),
    (Provider::Gitea, "x-forgejo-signature", ""),
    (Provider::Bitbucket, "x-hub-signature", "sha256="),
    (Provider::Generic, "x-signature-256", "sha256="),
];

#[test]
fn each_form_refuses_what_was_changed_left_out_or_doubled() {
    let (secret, body) = ("a secret", br#"{"ref":"refs/heads/main"}"#);
    let key = key(secret);
    for (provider, name, prefix) in SIGNED {
        let time = NOW.to_string();
        let parts: Vec<&[u8]> = match provider {
            Provider::Generic => vec![time.as_bytes(), b".", body],
            _ => vec![body],
        };
        let check = |value: &str, body: &[u8], times: usize| {
            let mut pairs = vec![(name, value); times];
            pairs.push(("x-timestamp", &time));
            verify(provider, &key, &headers(&pairs), body, at(NOW)).map(|_| ())
        };
        let good = format!("{prefix}{}", hex_of(secret, &parts));
        check(&good, body, 1).unwrap();
        assert_eq!(check(&good, b"{}", 1), Err(Refusal::Wrong), "{name}: another body");
        assert_eq!(check(&good, body, 2), Err(Refusal::Twice(name)));
        assert!(matches!(check(&good, body, 0), Err(Refusal::Missing(_))), "{name}: none");
        let other = format!("{prefix}{}", hex_of("another secret", &parts));
        assert_eq!(check(&other, body, 1), Err(Refusal::Wrong), "{name}: another secret");
        let short = &good[..good.len() - 2];
        assert_eq!(check(short, body, 1), Err(Refusal::Wrong), "{name}: a part of it");
        assert_eq!(check(prefix, body, 1), Err(Refusal::Wrong), "{name}: nothing of it");
        assert_eq!(check(&format!("{prefix}xyz"), body, 1), Err(Refusal::Malformed(name)));
        assert_eq!(
            check(&format!("sha1={}", hex_of(secret, &parts)), body, 1),
            Err(Refusal::Malformed(name))
        );
    }
}

#[test]
fn both_headers_of_forgejo_have_to_be_right() {
    let key = key("k");
    let good = hex_of("k", &[b"{}"]);
    let check = |forgejo: &str, gitea: &str| {
        let headers = headers(&[("x-forgejo-signature", forgejo), ("x-gitea-signature", gitea)]);
        verify(Provider::Gitea, &key, &headers, b"{}", at(NOW)).map(|_| ())
    };
    check(&good, &good).unwrap();
    assert_eq!(check(&good, "00"), Err(Refusal::Wrong));
    assert_eq!(check("00", &good), Err(Refusal::Wrong));
}

#[test]
fn a_delivery_is_known_again_by_what_is_signed_too() {
    let key = key("k");
    let good = format!("sha256={}", hex_of("k", &[b"{}"]));
    let marks = |id: &str| {
        let headers = headers(&[("x-hub-signature-256", &good), ("x-github-delivery", id)]);
        verify(Provider::GitHub, &key, &headers, b"{}", at(NOW)).unwrap().marks
    };
    let (one, two) = (marks("1"), marks("2"));
    assert_eq!(one.len(), 2);
    assert!(one.iter().any(|mark| two.contains(mark)), "another number does not make it another message");
}

#[test]
fn headers_that_are_no_text_are_refused() {
    let mut headers = HeaderMap::new();
    headers.insert("x-hub-signature-256", HeaderValue::from_bytes(b"sha256=\xff\xfe").unwrap());
    let refusal = verify(Provider::GitHub, &key("k"), &headers, b"{}", at(NOW)).unwrap_err();
    assert_eq!(refusal, Refusal::Malformed("x-hub-signature-256"));
}

#[test]
fn only_gitlab_has_signing_tokens() {
    let text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let key = SigningKey::new(Provider::GitHub, &SecretString::from(text)).unwrap();
    let signed = headers(&[("x-hub-signature-256", &format!("sha256={}", hex_of(text, &[b"{}"])))]);
    verify(Provider::GitHub, &key, &signed, b"{}", at(NOW)).unwrap();
}
