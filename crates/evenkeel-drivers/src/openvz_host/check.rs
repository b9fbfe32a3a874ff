//! What is wrong with a spec, as far as that shows without the host.

use evenkeel_core::driver::Finding;
use evenkeel_core::manifest::did_you_mean;

use super::keys;
use super::limits::Limits;
use super::spec::{OpenvzHostSpec, Setting};

/// The ending of the distributions' files.
const ENDING: &str = ".conf";

pub(super) fn check(spec: &OpenvzHostSpec) -> Vec<Finding> {
    let mut found = Vec::new();
    if spec.vz_conf.is_empty() && spec.containers.is_empty() && spec.distributions.is_empty() {
        let nothing: [&str; 0] = [];
        found.push(
            Finding::error(nothing, "there is nothing in it")
                .hint("write `vzConf`, `containers` or `distributions`"),
        );
    }
    for (key, value) in &spec.vz_conf {
        found.extend(of_setting(&["vzConf", key], key, value));
    }
    for (id, settings) in &spec.containers {
        let path = ["containers", id.as_str()];
        if !is_container(id) {
            found.push(
                Finding::error(path, format!("`{}` is no container's number", id.escape_debug()))
                    .hint("write its CTID, such as `\"555\"`; 0 is the host itself"),
            );
        }
        if settings.is_empty() {
            found.push(
                Finding::error(path, format!("nothing is set of container {}", id.escape_debug()))
                    .hint("write settings, such as `KMEMSIZE: \"465M:512M\"`"),
            );
        }
        for (key, value) in settings {
            found.extend(of_setting(&["containers", id, key], key, value));
        }
    }
    for (template, distribution) in &spec.distributions {
        found.extend(of_distribution(spec, template, distribution));
    }
    found
}

/// True for the number of a container as the host writes it.
pub(super) fn is_container(id: &str) -> bool {
    !id.starts_with('0') && id.bytes().all(|byte| byte.is_ascii_digit()) && id.parse::<u32>().is_ok()
}

fn of_setting(path: &[&str], key: &str, value: &Setting) -> Option<Finding> {
    let error = |message: String, hint: &str| Some(Finding::error(path.iter().copied(), message).hint(hint));
    let begins = key.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase());
    let fits = key.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    if !begins || !fits {
        return error(
            format!("`{}` is no key of such a file", key.escape_debug()),
            "keys are in capitals, such as `DISKSPACE`",
        );
    }
    let value = value.as_str();
    if let "true" | "false" = value {
        let word = if value == "true" { "yes" } else { "no" };
        return error(
            format!("{key}: `{value}` is no word of OpenVZ's files, which would take it for something else"),
            &format!("write `\"{word}\"`"),
        );
    }
    let odd = |c: &char| matches!(c, '$' | '`' | '"' | '\\') || c.is_control();
    if let Some(odd) = value.chars().find(odd) {
        let shown = if odd.is_control() { odd.escape_debug().to_string() } else { odd.to_string() };
        return error(
            format!(
                "the value of {key} has `{shown}` in it, which a shell that reads the file takes for something else"
            ),
            "write the value itself, without quotes, `$`, `` ` ``, `\\` and line breaks in it",
        );
    }
    if let Some(unit) = keys::unit(key) {
        let wrong = Limits::read(value, unit).err()?;
        return error(format!("{key}: `{value}` {wrong}"), unit.hint());
    }
    let meant = did_you_mean(key, keys::known());
    let is_known = keys::known().any(|known| known == key);
    (!is_known && !meant.is_empty())
        .then(|| Finding::warning(path.iter().copied(), format!("OpenVZ has no key `{key}`{meant}")))
}

fn of_distribution(spec: &OpenvzHostSpec, template: &str, distribution: &str) -> Option<Finding> {
    let error =
        |message: String, hint: &str| Some(Finding::error(["distributions", template], message).hint(hint));
    for name in [template, distribution] {
        if let Some(stem) = name.strip_suffix(ENDING) {
            return error(
                format!("`{}` is written with its ending", name.escape_debug()),
                &format!("write `{}`", stem.escape_debug()),
            );
        }
        if !is_name(name) {
            return error(
                format!("`{}` is no name of a file in /etc/vz/dists", name.escape_debug()),
                "write the names without `.conf`, such as `sabayon-5-SpinBase_5.4-1_i386: gentoo`",
            );
        }
    }
    if template == distribution {
        return error(
            format!("`{template}` would lead to itself"),
            "write the distribution whose file it shall use",
        );
    }
    if spec.distributions.contains_key(distribution) {
        return error(
            format!("`{distribution}` is itself made a link here"),
            "write the distribution that it leads to",
        );
    }
    None
}

/// True for a name that can stand in a command and in a link.
pub(super) fn is_name(name: &str) -> bool {
    let odd = |c: char| c == '/' || c.is_whitespace() || c.is_control();
    !name.is_empty() && !name.starts_with(['-', '.']) && name.len() <= 200 && !name.contains(odd)
}
