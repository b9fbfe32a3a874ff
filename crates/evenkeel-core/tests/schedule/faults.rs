//! What is wrong with a schedule is said with the place.

use super::*;

/// Field, message and hint of the first finding.
fn finding(schedule: &Schedule) -> String {
    let findings = schedule.check();
    let Some(first) = findings.first() else { return "fine".to_owned() };
    let hint = first.hint.as_deref().unwrap_or("no hint");
    format!(
        "{}{}: {} ({hint})",
        if first.warning { "warning " } else { "" },
        first.path.join("."),
        first.message
    )
}

#[test]
fn a_cron_text_that_means_nothing_is_refused_with_the_place() {
    for (field, text, expected) in [
        (
            "cron",
            "25 * * *",
            "cron: `25 * * *`: there are 4 fields, and crontab has five (minute, hour, day of the month, month, day of the week: `0 2 * * mon-fri`)",
        ),
        (
            "cron",
            "0 25 * * *",
            "cron: `25` at character 3 of `0 25 * * *`: this is not an hour (0 to 23) (no hint)",
        ),
        (
            "cron",
            "0 2 * * mon-fry",
            "cron: `fry` at character 13 of `0 2 * * mon-fry`: this is not a day of the week (0 to 7 or sun, mon, tue, wed, thu, fri, sat) (no hint)",
        ),
        (
            "cron",
            "0 2 * * mon..fri",
            "cron: `mon..fri` at character 9 of `0 2 * * mon..fri`: this is not a day of the week (0 to 7 or sun, mon, tue, wed, thu, fri, sat) (a range is written with `-` here)",
        ),
        (
            "cron",
            "0 2 * * fri-mon",
            "cron: `fri-mon` at character 9 of `0 2 * * fri-mon`: the range ends before it begins (write it as two ranges)",
        ),
        (
            "cron",
            "5/15 * * * *",
            "cron: `5/15` at character 1 of `5/15 * * * *`: a step needs a range or `*` before it (write 5-59/15)",
        ),
        (
            "cron",
            "*/0 * * * *",
            "cron: `0` at character 3 of `*/0 * * * *`: a step must be at least 1 (no hint)",
        ),
        ("cron", "1,,2 * * * *", "cron: `1,,2 * * * *`: a minute is missing at character 3 (no hint)"),
        (
            "cron",
            "0 0 L * *",
            "cron: `L` at character 5 of `0 0 L * *`: crontab knows no `?`, `#`, `L` and `W` (write it as `calendar`: the first Saturday is `sat *-1..7 02:00`)",
        ),
        (
            "cron",
            "@dayly",
            "cron: `@dayly`: this word is not known (it can be @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually)",
        ),
        ("cron", "0 0 30 2 *", "cron: there is no such day (look at the day and the month)"),
    ] {
        assert_eq!(finding(&schedule(field, text)), expected, "{field}: {text}");
    }
}

#[test]
fn a_calendar_text_that_means_nothing_is_refused_with_the_place() {
    for (field, text, expected) in [
        ("calendar", "", "calendar: ``: nothing is written here (for instance `mon..fri 02:00`)"),
        (
            "calendar",
            "mon-fri 02:00",
            "calendar: `mon-fri` at character 1 of `mon-fri 02:00`: this is not a day of the week (mon, tue, wed, thu, fri, sat, sun) (a range is written with `..` here: `mon..fri`)",
        ),
        (
            "calendar",
            "Daily",
            "calendar: `Daily`: this is not a day of the week (mon, tue, wed, thu, fri, sat, sun) (such a word stands alone, in small letters)",
        ),
        (
            "calendar",
            "mon..fri 24:00",
            "calendar: `24` at character 10 of `mon..fri 24:00`: this is not an hour (0 to 23) (no hint)",
        ),
        (
            "calendar",
            "02:00 mon",
            "calendar: `mon` at character 7 of `02:00 mon`: this is not expected here (the order is weekdays, date, time: `sat *-1..7 15:00`)",
        ),
        (
            "calendar",
            "02:00 UTC",
            "calendar: `UTC` at character 7 of `02:00 UTC`: the time zone does not stand here (write `timeZone: UTC` beside it)",
        ),
        (
            "calendar",
            "*:*:*",
            "calendar: `*` at character 5 of `*:*:*`: nothing can be wanted more than once a minute (write one second, such as 00)",
        ),
        (
            "calendar",
            "*,5:00",
            "calendar: `*,5` at character 1 of `*,5:00`: `*` stands for all values: it cannot be one of a list (no hint)",
        ),
        ("calendar", "2026-02-30", "calendar: there is no such day (look at the day and the month)"),
        (
            "calendar",
            "mon 8-17:00",
            "calendar: `17:00` at character 7 of `mon 8-17:00`: this is not a day of the month (1 to 31) (no hint)",
        ),
        (
            "calendar",
            "火 02:00",
            "calendar: `火` at character 1 of `火 02:00`: this is not a day of the week (mon, tue, wed, thu, fri, sat, sun) (no hint)",
        ),
        (
            "calendar",
            "mon..fri 22",
            "warning calendar: `22` without a colon is minute 22 of every hour, as Proxmox takes it (write 22:00 for the hour, or *:22 for the minute)",
        ),
        ("every", "30s", "every: 30s is less than a minute (write at least 1m)"),
        ("every", "0s", "every: 0s is less than a minute (write at least 1m)"),
        (
            "timeZone",
            "UTC",
            ": it says nowhere when copies are made (give one of `every: 1d`, `cron: 0 2 * * *` and `calendar: mon..fri 02:00`)",
        ),
    ] {
        assert_eq!(finding(&schedule(field, text)), expected, "{field}: {text}");
    }
    for (field, text) in
        [("every", "1d"), ("cron", "0 2 * * mon-fri"), ("calendar", "sat *-1..7 15:00"), ("calendar", "0")]
    {
        assert_eq!(finding(&schedule(field, text)), "fine");
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    for (fields, expected) in [
        (
            serde_json::json!({ "every": "1d", "cron": "0 2 * * *" }),
            ": it says more than once when copies are made (keep one of `every`, `cron` and `calendar`)",
        ),
        (
            serde_json::json!({ "every": "1h", "jitter": "1h" }),
            "jitter: slots are 1h apart, and would begin later than the next one (write less than that)",
        ),
        (serde_json::json!({ "every": "1h", "jitter": "59m" }), "fine"),
        (
            serde_json::json!({ "every": "1h", "startingDeadline": "0s" }),
            "startingDeadline: no slot could ever be made up (leave it out: a slot is made up until the next one)",
        ),
        (
            serde_json::json!({ "every": "1h", "freshWithin": "0s" }),
            "freshWithin: no copy can be as fresh as that (leave it out: then it follows the schedule)",
        ),
        (
            serde_json::json!({ "every": "1h", "attempts": 0 }),
            "attempts: no copy would ever be tried (write `suspend: true` in the resource to stop it)",
        ),
        (
            serde_json::json!({ "every": "1h", "timeZone": "Asia/Tokio" }),
            "timeZone: the time zone `Asia/Tokio` is not known (did you mean `Asia/Tokyo`?)",
        ),
        (
            serde_json::json!({ "every": "1h", "timeZone": "Tokyo" }),
            "timeZone: the time zone `Tokyo` is not known (did you mean `Asia/Tokyo`?)",
        ),
        (
            serde_json::json!({ "every": "1h", "timeZone": "" }),
            "timeZone: the time zone `` is not known (write a name of the tz database, such as `Europe/Berlin` or `UTC`)",
        ),
        (
            serde_json::json!({ "every": "1h", "timeZone": "/etc/passwd" }),
            "timeZone: the time zone `/etc/passwd` is not known (write a name of the tz database, such as `Europe/Berlin` or `UTC`)",
        ),
    ] {
        let schedule: Schedule = serde_json::from_value(fields.clone()).unwrap();
        assert_eq!(finding(&schedule), expected, "{fields}");
    }
}
