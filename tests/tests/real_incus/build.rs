//! A Debian template from its manifest to an instance that is started from it.

use super::rig::{APPLY, Rig};

const RECIPE: &str = r#"output: { alias: web, version: "12-{yyyyMMdd}", distribution: Debian, release: bookworm }
provision:
  packages: { upgrade: true, install: [evenkeel-tool] }
  timeZone: Asia/Tokyo
  locale: de_DE.UTF-8
  files:
    - path: /etc/evenkeel/greeting.conf
      content: |
        greeting = "hello $HOME `date`"
        EVENKEEL
        ünïcode\n
      mode: "0640"
    - { path: /etc/systemd/journald.conf, line: Storage=auto }
    - { path: /etc/debian_chroot, absent: true }
    - { path: /top.conf, content: "below the root\n" }
  links: { /etc/greeting: evenkeel/greeting.conf, /sites: srv }
  run:
    - name: what the machine was called
      script: |
        test "$(id -u)" = 0
        cat /etc/timezone > /opt/zone
        echo ran >> /root/.bash_history
        echo trace > /tmp/trace
"#;

#[test]
fn a_debian_template_has_all_that_its_manifest_says_and_no_trace_of_its_making() {
    let rig = Rig::new();
    rig.template("debian", RECIPE);
    rig.work.expect(0, &["validate"]);
    let planned = rig.work.expect(2, &["plan", "--show-commands"]);
    planned.says(&["ContainerTemplate/web", "containers/packages.sh", "install evenkeel-tool"]);
    assert_eq!((rig.images(), rig.instances()), (vec![], vec![]), "a plan only reads");

    rig.apply().says(&["1 applied"]);
    assert_eq!(rig.instances(), [""; 0], "the scratch container is gone");
    let images = rig.images();
    assert_eq!(images.len(), 1, "{images:#?}");
    let properties = &images[0].properties;
    assert_eq!((&properties["os"], &properties["release"]), (&"Debian".into(), &"bookworm".into()));
    assert_eq!(rig.alias("web").as_ref(), Some(&images[0].fingerprint));
    assert!(images[0].aliases.iter().any(|alias| alias.starts_with("web/12-20")), "{images:#?}");

    rig.apply().says(&["nothing was sent"]);
    rig.work.expect(0, &["plan"]).says(&["nothing to do"]);
    assert_eq!(rig.images(), images);

    no_trace(&rig);
    content(&rig);
}

/// What is in an instance that was not started yet.
fn no_trace(rig: &Rig) {
    rig.incus.incus(&["init", "--quiet", "web", "cold", "--no-profiles", "--storage", "default"]);
    let file = |path: &str| rig.incus.file("cold", path);
    assert_eq!(file("/etc/machine-id").as_deref(), Some(""));
    assert_eq!(file("/opt/zone").as_deref(), Some("Asia/Tokyo\n"));
    for gone in ["/tmp/trace", "/root/.bash_history", "/usr/sbin/policy-rc.d", "/var/lib/dbus/machine-id"] {
        assert_eq!(file(gone), None, "{gone}");
    }
    for empty in ["/tmp", "/var/lib/apt/lists", "/var/log/journal"] {
        let list = rig.incus.get(&format!("/1.0/instances/cold/files?path={empty}"));
        let is_empty = list.as_ref().is_none_or(|list| list.as_array().is_none_or(Vec::is_empty));
        assert!(is_empty, "{empty}: {list:?}");
    }
    // Neither the mark of the scratch container nor what it was made for.
    let config = &rig.incus.get("/1.0/instances/cold").unwrap()["expanded_config"];
    let ours: Vec<_> =
        config.as_object().unwrap().keys().filter(|key| key.starts_with("user.evenkeel")).collect();
    assert_eq!(ours, [""; 0]);
    rig.incus.incus(&["delete", "cold"]);
}

/// What an instance says that was started.
fn content(rig: &Rig) {
    rig.incus.launch("web", "warm");
    let sh = |command: &str| rig.incus.sh("warm", command);
    assert_eq!(
        sh("cat /etc/greeting; stat -c %a /etc/evenkeel/greeting.conf; readlink /etc/greeting"),
        "greeting = \"hello $HOME `date`\"\nEVENKEEL\nünïcode\\n\n640\nevenkeel/greeting.conf\n"
    );
    assert_eq!(sh("cat /top.conf; readlink /sites"), "below the root\nsrv\n");
    let versions = "dpkg-query --show --showformat '${Package} ${Version}\n' 'evenkeel-*' | sort";
    assert_eq!(sh(versions), "evenkeel-data 1.0\nevenkeel-hello 2.0\nevenkeel-tool 1.0\n");
    assert_eq!(sh("date +%Z"), "JST\n");
    assert_eq!(sh("grep -c '^Storage=' /etc/systemd/journald.conf"), "1\n");
    assert_eq!(sh("locale -a | grep de_DE; . /etc/default/locale; echo $LANG"), "de_DE.utf8\nde_DE.UTF-8\n");
    let id = sh(
        "i=0; until [ -s /etc/machine-id ] || [ $i -gt 300 ]; do i=$((i+1)); sleep 0.1; done; cat /etc/machine-id",
    );
    assert!(id.trim().len() == 32 && !id.contains("11111111"), "it has an identity of its own: {id}");
    rig.incus.incus(&["delete", "--force", "warm"]);
}

#[test]
fn a_package_that_fails_leaves_what_was_there() {
    let rig = Rig::new();
    let recipe = |packages: &str| {
        format!(
            "output: {{ alias: web, version: \"{{digest}}\", compression: none }}\nprovision: {{ packages: {packages} }}\n"
        )
    };
    rig.template("debian", &recipe("{ install: [evenkeel-data] }"));
    rig.apply().says(&["1 applied"]);
    let before = rig.images();
    for (name, said) in [
        ("evenkeel-broken", "evenkeel-broken: there is no such thing"),
        ("evenkeel-nonesuch", "Unable to locate package evenkeel-nonesuch"),
    ] {
        rig.template("debian", &recipe(&format!("{{ install: [{name}] }}")));
        rig.work.expect(1, &APPLY).says(&["1 failed", said, "containers/packages.sh"]);
        assert_eq!(rig.images(), before, "{name}");
        assert_eq!(rig.alias("web").as_ref(), Some(&before[0].fingerprint), "{name}");
        assert_eq!(rig.instances(), [""; 0], "{name}");
    }
    rig.template("debian", &recipe("{ install: [evenkeel-data] }"));
    rig.apply().says(&["nothing was sent"]);
}
