//! Whole command lines: `cmd.exe`, PowerShell, standard input and what is printed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use super::super::run_command_line;
use super::toy::Toy;

const BOOTSTRAP: &str = include_str!("../../../../../evenkeel-transport/src/powershell/bootstrap.ps1");
const ROUND: &str = include_str!("../../../../../evenkeel-transport/src/powershell/round.ps1");

fn line(script: &str) -> String {
    let units: Vec<u8> = script.encode_utf16().flat_map(u16::to_le_bytes).collect();
    format!("powershell -NoProfile -NonInteractive -EncodedCommand {}", STANDARD.encode(units))
}

#[test]
fn a_round_comes_over_standard_input_and_its_answers_stand_between_marks() {
    let mut toy = Toy { key: Some(vec![("Guard".to_owned(), "管理".to_owned())]), ..Toy::default() };
    let scripts = [
        json!({ "script": "param($Wanted)\n$Wanted.name\n@{ last = $Wanted.name }", "input": { "name": "a\u{e9}" } }),
        json!({ "script": "Get-Thing x", "input": {} }),
        json!({ "script": "param($Wanted)\n(Get-ItemProperty -Path 'HKLM:\\X').Guard", "input": {} }),
        json!({ "script": "function F() { }\nF", "input": {} }),
    ];
    let mut stdin = json!({ "script": ROUND, "nonce": "n0" }).to_string();
    for script in &scripts {
        stdin = stdin + "\n" + &script.to_string().replace('\u{e9}', "\\u00e9");
    }
    let printed = run_command_line(&mut toy, &line(BOOTSTRAP), (stdin + "\n").as_bytes());
    assert_eq!((printed.exit, printed.stderr.as_slice()), (0, &[][..]), "{printed:?}");
    let said = String::from_utf8(printed.stdout).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 13, "{said}");
    assert_eq!(
        (lines[0], lines[1], lines[3], lines[4]),
        ("n0 powershell", "n0 1 begin", "n0 1 end", "n0 2 begin")
    );
    let answer = |at: usize| serde_json::from_str::<Json>(lines[at]).unwrap();
    assert_eq!(answer(2), json!({ "value": { "last": "a\u{e9}" } }));
    assert_eq!(
        answer(5),
        json!({ "error": {
            "cmdlet": "Get-Thing", "category": "ObjectNotFound", "target": "x", "id": "NoThing,Get", "message": "there is no thing x",
        } })
    );
    assert_eq!(answer(8), json!({ "value": "管理" }));
    assert_eq!(answer(11), json!({ "value": null }));
}

#[test]
fn an_error_that_nobody_catches_is_told_in_clixml() {
    let printed = run_command_line(&mut Toy::default(), &line("throw \"a <b>`nc\""), b"");
    assert_eq!(printed.exit, 1);
    let said = String::from_utf8(printed.stderr).unwrap();
    assert!(said.starts_with("#< CLIXML\r\n<Objs Version=\"1.1.0.1\""), "{said}");
    assert!(said.contains("<S S=\"Error\">a &lt;b&gt;_x000A_c_x000D__x000A_</S>"), "{said}");
    // Without a word about it, an error of a cmdlet ends nothing.
    let printed = run_command_line(&mut Toy::default(), &line("Get-Thing x\n'on'"), b"");
    assert_eq!((printed.stdout.as_slice(), printed.exit), (&b"on\r\n"[..], 1));
    assert!(String::from_utf8(printed.stderr).unwrap().contains("Get-Thing : there is no thing x"));
}

#[test]
fn exit_and_input() {
    let printed = run_command_line(&mut Toy::default(), &line("& { exit 3 }\n'not reached'"), b"");
    assert_eq!((printed.exit, printed.stdout.as_slice()), (3, &[][..]));
    let printed = run_command_line(&mut Toy::default(), &line("@($input).Count"), b"one\r\ntwo\r\n");
    assert_eq!(printed.stdout, b"2\r\n");
    // What is not ASCII does not come through a console's code page.
    let printed = run_command_line(&mut Toy::default(), &line("@($input)[0]"), "é".as_bytes());
    assert_eq!(printed.stdout, b"??\r\n");
}

#[test]
fn cmd_exe_refuses_what_it_does_not_know_and_lines_that_are_too_long() {
    let printed = run_command_line(&mut Toy::default(), "sh -c true", b"");
    let said =
        "'sh' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n";
    assert_eq!((String::from_utf8(printed.stderr).unwrap().as_str(), printed.exit), (said, 1));
    let long = line(&"'x'\n".repeat(1000));
    assert!(long.len() > 8191);
    let printed = run_command_line(&mut Toy::default(), &long, b"");
    assert_eq!((printed.stderr.as_slice(), printed.exit), (&b"The command line is too long.\r\n"[..], 1));
    assert!(line(BOOTSTRAP).len() <= 8191);
    let printed = run_command_line(&mut Toy::default(), "powershell -Command Get-VM", b"");
    assert!(String::from_utf8(printed.stderr).unwrap().contains("does not understand `-Command`"));
}
