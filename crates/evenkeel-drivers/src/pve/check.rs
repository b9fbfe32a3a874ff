//! What is wrong with a spec, as far as that shows without the cluster.

use std::collections::BTreeSet;

use evenkeel_core::driver::Finding;

use super::spec::{Guests, JobSettings, PveJobSchedule, Written};

/// What Proxmox takes as a guest's id.
const GUEST_IDS: std::ops::RangeInclusive<u32> = 100..=999_999_999;

pub(super) fn check(spec: &PveJobSchedule) -> Vec<Finding> {
    let mut found = schedule(spec);
    found.extend(retention(spec));
    found.extend(job(&spec.pve_job));
    found
}

fn below(prefix: &str, findings: Vec<Finding>) -> impl Iterator<Item = Finding> {
    findings.into_iter().map(move |mut finding| {
        finding.path.insert(0, prefix.to_owned());
        finding
    })
}

fn schedule(spec: &PveJobSchedule) -> Vec<Finding> {
    let schedule = &spec.schedule;
    let mut found: Vec<Finding> = below("schedule", schedule.check()).collect();
    let whole = found.iter().all(|finding| finding.warning);
    let foreign = [
        (
            "startingDeadline",
            schedule.starting_deadline.is_some(),
            "`pveJob.repeatMissed` says whether a missed run is made up for",
        ),
        ("jitter", schedule.jitter.is_some(), "write different times for different jobs"),
        ("attempts", schedule.attempts.is_some(), "Proxmox tries once for each run"),
    ];
    for (field, given, hint) in foreign {
        if given {
            let message = format!("a Proxmox job has no `{field}`: it is Proxmox that runs it");
            found.push(Finding::error(["schedule", field], message).hint(hint));
        }
    }
    if let (true, Err(why)) = (whole, schedule.to_proxmox()) {
        let message = format!("Proxmox has no such schedule: {why}");
        found.push(
            Finding::error(["schedule"], message)
                .hint("write `calendar:` as Proxmox takes it, such as `mon..fri 02:30`"),
        );
    }
    found
}

fn retention(spec: &PveJobSchedule) -> Vec<Finding> {
    let Written::Value(rules) = &spec.retention else { return Vec::new() };
    let mut found: Vec<Finding> = below("retention", rules.check()).collect();
    if found.iter().any(|finding| !finding.warning) {
        return found;
    }
    if let Err(why) = rules.to_proxmox() {
        let message = format!("Proxmox has no such rules: {why}");
        let hint = "write only keepLast, keepHourly, keepDaily, keepWeekly, keepMonthly and keepYearly";
        found.push(Finding::error(["retention"], message).hint(hint));
    }
    found
}

fn job(job: &JobSettings) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut wrong = |field: &str, message: String, hint: &str| {
        found.push(Finding::error(["pveJob", field], message).hint(hint));
    };
    if !is_id(&job.id) || job.id.len() > 50 {
        wrong(
            "id",
            format!("`{}` is no id of a job", job.id),
            "a letter, then letters, digits, `-` and `_`; at most 50",
        );
    }
    if !is_id(&job.storage) {
        wrong(
            "storage",
            format!("`{}` is no name of a storage", job.storage),
            "a letter, then letters, digits, `-`, `_` and `.`",
        );
    }
    match &job.guests {
        Guests::Ids(ids) if ids.is_empty() => {
            wrong(
                "guests",
                "a job for no guest is none".to_owned(),
                "write `all`, the guests' ids, or a pool",
            );
        }
        Guests::Pool(pool)
            if !pool
                .split('/')
                .all(|part| is_id(part) || part.chars().all(|c| c.is_ascii_digit()) && !part.is_empty()) =>
        {
            wrong("guests", format!("`{pool}` is no name of a pool"), "letters, digits, `-` and `_`");
        }
        _ => {}
    }
    let listed = [
        ("guests", if let Guests::Ids(ids) = &job.guests { ids.as_slice() } else { &[] }),
        ("exclude", if let Written::Value(ids) = &job.exclude { ids.as_slice() } else { &[] }),
    ];
    for (field, ids) in listed {
        if let Some(id) = ids.iter().find(|id| !GUEST_IDS.contains(id)) {
            wrong(field, format!("{id} is no guest's id"), "ids are 100 to 999999999");
        }
        let different: BTreeSet<&u32> = ids.iter().collect();
        if different.len() < ids.len() {
            wrong(field, "a guest is listed twice".to_owned(), "write each id once");
        }
    }
    if matches!(job.exclude, Written::Value(_)) && job.guests != Guests::All {
        wrong(
            "exclude",
            "only from all guests can some be left out".to_owned(),
            "write `guests: all`, or drop `exclude`",
        );
    }
    if job.exclude == Written::Value(Vec::new()) {
        wrong("exclude", "an empty list leaves nobody out".to_owned(), "write `exclude: null`");
    }
    let always_set = [("enabled", &job.enabled), ("repeatMissed", &job.repeat_missed)];
    for (field, written) in always_set {
        if *written == Written::Nothing {
            wrong(
                field,
                format!("`{field}` is always one or the other"),
                "write `true` or `false`, or leave the field out",
            );
        }
    }
    found.extend(texts(job));
    found
}

fn texts(job: &JobSettings) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut wrong = |field: &str, message: String, hint: &str| {
        found.push(Finding::error(["pveJob", field], message).hint(hint));
    };
    let one_line = [("notesTemplate", &job.notes_template, 1024), ("comment", &job.comment, 512)];
    for (field, written, longest) in one_line {
        let Written::Value(text) = written else { continue };
        if text.is_empty() {
            wrong(field, "an empty text is not kept by Proxmox".to_owned(), "write `null`");
        } else if text.contains(|c: char| c.is_control()) || text.trim() != text {
            wrong(
                field,
                "must be one line without spaces at its ends".to_owned(),
                "in notes write `\\n` for a new line",
            );
        } else if text.chars().count() > longest {
            wrong(field, format!("is longer than {longest} characters"), "shorten it");
        }
    }
    if let Written::Value(node) = &job.node
        && (node.is_empty() || !node.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
    {
        wrong("node", format!("`{node}` is no name of a node"), "letters, digits and `-`");
    }
    let lists = [("excludePaths", &job.exclude_paths), ("mailto", &job.mailto)];
    for (field, written) in lists {
        let Written::Value(items) = written else { continue };
        let splits = |c: char| c.is_whitespace() || c.is_control() || c == ',' || c == ';';
        if items.is_empty() {
            wrong(field, "an empty list is not kept by Proxmox".to_owned(), "write `null`");
        } else if let Some(item) = items.iter().find(|item| item.is_empty() || item.contains(splits)) {
            let message = format!("`{}`: Proxmox would take it for several", item.escape_debug());
            wrong(
                field,
                message,
                "write items without spaces, commas and semicolons (`?` stands for one character)",
            );
        }
    }
    found
}

/// As Proxmox writes names in its configuration.
fn is_id(text: &str) -> bool {
    text.len() >= 2
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}
