//! `evenkeel doctor` on set-ups that are well, and on broken ones.

use std::os::unix::fs::PermissionsExt as _;

use evenkeel_tests::evenkeel::Workdir;
use evenkeel_tests::gitops::Serving;

use crate::{HEAD, Scene};

const ARGS: [&str; 3] = ["doctor", "--config", "evenkeel.yaml"];

/// The lines with numbers that differ from run to run made alike.
fn plain(text: &str) -> String {
    let digits = |line: &str| {
        let mut shown = String::new();
        for c in line.chars() {
            let c = if c.is_ascii_digit() { '0' } else { c };
            if c != '0' || !shown.ends_with('0') {
                shown.push(c);
            }
        }
        shown
    };
    text.lines().map(|line| digits(line) + "\n").collect()
}

#[test]
fn all_is_well_before_the_start_and_while_it_runs_and_nothing_is_written() {
    let scene = Scene::new();
    let state = scene.site.work.path().join("state");
    std::fs::create_dir(&state).unwrap();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
    let ran = scene.site.work.expect(0, &ARGS);
    let well = plain(&ran.stdout);
    let said: Vec<&str> = well.lines().collect();
    for expected in [
        "ok       configuration: evenkeel.yaml with 0 source",
        "ok       time zones: 0 are known",
        "ok       store: state/evenkeel.db is not there yet: the first start makes it",
        "ok       controller: it does not run",
        "ok       address 0.0.0.0:0: the system chooses the port",
        "ok       folder of manifests: manifests",
        "ok       credential api: its token for the token ci can be read",
        "ok       target host: answers in 0 ms, its clock agrees",
    ] {
        assert!(said.contains(&expected), "{expected}\n{well}");
    }
    assert!(well.contains("ok       manifests of manifests: 0 resource on 0 target\n"), "{well}");
    assert!(well.trim_end().ends_with("checks: all well"), "{well}");
    assert_eq!(scene.site.writes("host"), Vec::<String>::new());
    assert_eq!(std::fs::read_dir(&state).unwrap().count(), 0, "nothing is made in the state directory");

    let mut serving = Serving::start(&scene.site.work, &["--config", "evenkeel.yaml"]);
    serving.wait_for("Applied host ZfsDataset/vm");
    let ran = scene.site.work.expect(0, &ARGS);
    ran.says(&["store: state/evenkeel.db is whole", "controller: it runs since"]);
    let found = scene.site.work.expect(0, &[&ARGS[..], &["--offline", "--output", "json"]].concat()).json();
    let findings = found["findings"].as_array().unwrap();
    assert!(findings.iter().all(|finding| finding["verdict"] == "ok"), "{found:#}");
    assert!(
        findings.iter().all(|finding| !finding["about"].as_str().unwrap().starts_with("target")),
        "{found:#}"
    );
}

#[test]
fn a_configuration_with_errors_is_a_problem_with_its_place() {
    let work = Workdir::new();
    work.write(
        "evenkeel.yaml",
        &format!("{HEAD}\nkind: Controller\nmetadata: {{ name: test }}\nspec: {{ limit: 3 }}\n"),
    );
    let ran = work.expect(1, &ARGS);
    ran.says(&[
        "evenkeel.yaml:4",
        "problem  configuration: the configuration evenkeel.yaml has errors",
        "mend: check it with",
    ]);
    work.expect(1, &["doctor", "--config", "nothing.yaml"])
        .says(&["problem  configuration: cannot read nothing.yaml"]);
}

#[test]
fn each_thing_that_is_broken_is_said_with_what_to_mend() {
    let scene = Scene::new();
    let state = scene.site.work.path().join("state");
    std::fs::create_dir(&state).unwrap();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o777)).unwrap();
    std::fs::write(state.join("evenkeel.db"), "no database at all, but long enough to be looked at").unwrap();
    std::fs::remove_file(scene.site.work.path().join("first.token")).unwrap();
    let key = scene.site.work.write("key", "no key\n");
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o600)).unwrap();
    // A host that nobody listens at, an unknown repository, and manifests that do not hold.
    let targets = scene.site.lab.manifests();
    let port = targets.split("port: ").nth(1).unwrap().split(|c: char| !c.is_ascii_digit()).next().unwrap();
    scene.site.work.write("manifests/targets.yaml", &targets.replace(port, "1"));
    scene
        .site
        .work
        .write("wrong/a.yaml", &format!("{HEAD}\nkind: ZfsDatset\nmetadata: {{ name: a }}\nspec: {{}}\n"));
    scene.configure("state", "first", &["manifests", "wrong", "missing"]);
    let more = format!(
        "---\n{HEAD}\nkind: Secret\nmetadata: {{ name: git }}\nspec: {{ file: {{ privateKey: key }} }}\n\
         ---\n{HEAD}\nkind: GitSource\nmetadata: {{ name: site }}\n\
         spec: {{ url: \"ssh://git@127.0.0.1:1/site.git\", credentialsRef: git, knownHosts: hosts }}\n"
    );
    let text = std::fs::read_to_string(scene.site.work.path().join("evenkeel.yaml")).unwrap() + &more;
    scene.site.work.write("evenkeel.yaml", &text);
    let ran = scene.site.work.expect(1, &ARGS);
    for parts in [
        ["problem  state directory: other users can write to state (mode 0777)", "mend: chmod 700 state"],
        ["problem  store: ", "mend: put a copy in its place"],
        ["problem  credential api: the token ci cannot use it", "first.token"],
        ["problem  credential git: the source site cannot use it: the `privateKey`", "ssh-keygen"],
        ["problem  known hosts of site: hosts: it is not there", "mend: put it there"],
        ["problem  folder of missing: missing: it is not there", "problem  source missing"],
        ["problem  manifests of wrong: 1 error, first: a.yaml:2", "ZfsDatset"],
        ["problem  source site: ", "mend: "],
        ["problem  target host: ", "mend: "],
    ] {
        ran.says(&parts);
    }
    let problems = ran.stdout.lines().filter(|line| line.starts_with("problem")).count();
    let mended = ran.stdout.lines().filter(|line| line.starts_with("         mend: ")).count();
    assert!(problems >= 9 && mended >= problems, "{}", ran.stdout);
    assert!(ran.stdout.trim_end().ends_with(&format!("{problems} problems")), "{}", ran.stdout);
}
