//! The field `window`: one or a list, what is wrong with it, and that it reaches every instance.

use super::*;

fn with(window: &str) -> Loaded {
    load_text(toy_text(&format!("target: t\nlabel: x\nwindow: {window}")))
}

#[test]
fn one_or_a_list_of_them_reaches_the_instance() {
    const SATURDAY: &str = "{ cron: 0 22 * * sat, timeZone: Asia/Tokyo, duration: 4h }";
    const WEEKLY: &str = "{ every: 1w, timeZone: utc, duration: 30m }";
    for (window, count) in
        [(SATURDAY.to_owned(), 1), (format!("[{SATURDAY}, {WEEKLY}]"), 2), ("[]".to_owned(), 0)]
    {
        let loaded = with(&window);
        assert_eq!(lines(&loaded), Vec::<String>::new(), "{window}");
        assert_eq!(loaded.instances[0].windows.len(), count, "{window}");
    }
    let loaded = load_text(toy_text("target: t\nlabel: x"));
    assert!(loaded.instances[0].windows.is_empty(), "without one it is always open");
}

#[test]
fn what_is_wrong_with_it_is_said_where_it_stands() {
    let line = SPEC_LINE + 2;
    for (window, column, expected) in [
        (
            "{ calendar: sat 22:00, timeZone: Asia/Tokio, duration: 4h }",
            44,
            "the time zone `Asia/Tokio` is not known (did you mean `Asia/Tokyo`?)",
        ),
        (
            "{ calendar: sat 22:00, timeZone: UTC, duration: 0s }",
            59,
            "the window would never be open (write how long it stays open, for instance `4h`)",
        ),
        (
            "{ calendar: sat 25:00, timeZone: UTC, duration: 1h }",
            23,
            "`25` at character 5 of `sat 25:00`: this is not an hour (0 to 23)",
        ),
        (
            "[{ cron: 0 22 * * sat, timeZone: UTC, duration: 1h }, { cron: 0 22, timeZone: UTC, duration: 1h }]",
            73,
            "`0 22`: there are 2 fields",
        ),
        (
            "{ timeZone: UTC, duration: 1h }",
            11,
            "the window does not say when it opens (give one of `cron: 0 22 * * sat`, `calendar: sat 22:00` and `every: 1w`)",
        ),
        (
            "{ every: 1d, cron: 0 22 * * *, timeZone: UTC, duration: 1h }",
            11,
            "the window says more than once when it opens",
        ),
        ("{ cron: 0 22 * * sat, duration: 1h }", 11, "the field `timeZone` is missing"),
        ("{ cron: 0 22 * * sat, timeZone: UTC }", 11, "the field `duration` is missing"),
        ("{ cron: 0 22 * * sat, timeZone: UTC, duration: 4 }", 58, "expected a time span"),
        (
            "{ cron: 0 22 * * sat, timezone: UTC, duration: 4h }",
            33,
            "unknown field `timezone`, did you mean `timeZone`?",
        ),
        ("sat 22:00", 11, "expected"),
    ] {
        let found = lines(&with(window));
        assert_eq!(found.len(), 1, "{window}: {found:#?}");
        let start = format!("f.yaml:{line}:{column}: error: {expected}");
        assert!(found[0].starts_with(&start), "{window}\n found {}\n want  {start}", found[0]);
    }
}

#[test]
fn what_is_doubtful_is_a_warning_and_a_window() {
    let loaded = with("{ calendar: sat 22, timeZone: UTC, duration: 1h }");
    let found = lines(&loaded);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("warning: `22` without a colon is minute 22 of every hour"), "{found:?}");
    assert_eq!(loaded.instances[0].windows.len(), 1);
}
