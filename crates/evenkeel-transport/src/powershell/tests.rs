//! What is sent, and what is made of answers. The outputs are written after reports of people, and after what
//! `round.ps1` says.

use evenkeel_core::request::Script;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::frames::Unframed;

const LIMIT: usize = 1000;

fn script(input: Value) -> Request {
    Request::PowerShell(Box::new(PowerShell::new(Script::new("test.ps1", "param($Wanted)\n'管理'"), input)))
}

fn limits() -> Limits {
    Limits { time: Duration::from_secs(5), output: LIMIT }
}

/// What a round prints that answers with these texts.
fn printed(nonce: &Nonce, answers: &[&str]) -> String {
    let n = nonce.as_str();
    let answer = |(at, text): (usize, &&str)| format!("{n} {0} begin\n{text}\n{n} {0} end\n", at + 1);
    format!("{n} powershell\n{}", answers.iter().enumerate().map(answer).collect::<String>())
}

fn stumbles(text: &str) -> bool {
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(&tree_sitter_powershell::LANGUAGE.into()).unwrap();
    parser.parse(text, None).unwrap().root_node().has_error()
}

#[test]
fn the_command_line_fits_and_holds_nothing_that_a_shell_takes_for_its_own() {
    for program in [PowerShellProgram::Powershell, PowerShellProgram::Pwsh] {
        let line = command_line(program);
        assert!(line.len() < 8000, "{}", line.len());
        let is_plain = |c: char| c.is_ascii_alphanumeric() || " -+/=".contains(c);
        assert!(line.chars().all(is_plain), "{line}");
        let encoded = line.rsplit(' ').next().unwrap();
        let bytes = STANDARD.decode(encoded).unwrap();
        let units: Vec<u16> = bytes.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        assert_eq!(String::from_utf16(&units).unwrap(), BOOTSTRAP);
        assert!(line.starts_with(&format!("{} -NoProfile -NonInteractive -EncodedCommand ", program.name())));
    }
}

#[test]
fn both_scripts_are_powershell_in_ascii() {
    assert!(!stumbles(BOOTSTRAP) && !stumbles(ROUND));
    assert!(BOOTSTRAP.is_ascii() && ROUND.is_ascii());
    assert!(stumbles("if ($x -eq ) {"));
}

#[test]
fn everything_goes_over_standard_input_a_line_for_each_script() {
    let requests = [script(json!({"name": "イーサネット 2", "line": "a\r\nb\u{2028}𠮷"})), script(json!({}))];
    let round = Round::new(&requests, PowerShellProgram::Powershell).unwrap();
    let input = String::from_utf8(round.input()).unwrap();
    assert!(input.is_ascii() && input.ends_with("}\n"));
    let lines: Vec<Value> = input.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0], json!({"script": ROUND, "nonce": round.nonce.as_str()}));
    assert_eq!(lines[1]["script"], "param($Wanted)\n'管理'");
    assert_eq!(lines[1]["input"]["line"], "a\r\nb\u{2028}𠮷");
    assert_eq!(lines[2]["input"], json!({}));
}

#[test]
fn the_longest_time_that_a_script_asks_for_holds() {
    let longer = PowerShell::new(Script::new("test.ps1", ""), json!({})).within(300);
    let requests = [script(json!({})), Request::PowerShell(Box::new(longer))];
    let round = Round::new(&requests, PowerShellProgram::Powershell).unwrap();
    assert_eq!(round.limits(limits()).time, Duration::from_mins(5));
    let round = Round::new(&requests[..1], PowerShellProgram::Powershell).unwrap();
    assert_eq!(round.limits(limits()).time, Duration::from_secs(5));
}

/// Ends a round of `scripts` scripts after `out` and `err` were printed.
fn ended(scripts: usize, out: impl Fn(&Nonce) -> String, err: &str, end: &End) -> Replies {
    ended_by(PowerShellProgram::Powershell, scripts, out, err, end)
}

fn ended_by(
    program: PowerShellProgram,
    scripts: usize,
    out: impl Fn(&Nonce) -> String,
    err: &str,
    end: &End,
) -> Replies {
    let requests: Vec<Request> = (0..scripts).map(|_| script(json!({}))).collect();
    let round = Round::new(&requests, program).unwrap();
    let mut collector = round.collector(LIMIT);
    collector.push(Output::Stderr, err.as_bytes()).unwrap();
    collector.push(Output::Stdout, out(&round.nonce).as_bytes()).unwrap();
    round.replies(collector, end, "hv01", limits())
}

fn answered(answers: &[&str]) -> Replies {
    ended(answers.len(), |nonce| printed(nonce, answers), "", &End::Complete)
}

fn failure(reply: &Result<Reply, TransportError>) -> (TransportErrorKind, &str, &str) {
    let error = reply.as_ref().unwrap_err();
    (error.kind, &error.message, error.hint.as_deref().unwrap_or_default())
}

#[test]
fn a_value_is_the_output_and_an_error_is_told_in_a_line() {
    let replies = answered(&[
        r#"{"value":{"name":"\u7ba1\u7406","ids":[1,2.5]}}"#,
        r#"{"value":null}"#,
        r#"{"error":{"cmdlet":"Set-VMSwitchTeam","category":"ObjectNotFound","target":"NIC9","id":"X,Y","message":"No adapter\r\nis named NIC9."}}"#,
        r#"{"error":{"cmdlet":"","category":"OperationStopped","target":"it is late","id":"it is late","message":"it is late"}}"#,
        r#"{"error":{"cmdlet":"","category":"InvalidOperation","target":"","id":"","message":"No method."}}"#,
    ]);
    let replies: Vec<Reply> = replies.into_iter().map(Result::unwrap).collect();
    assert_eq!((replies[0].exit, replies[0].stderr.as_slice()), (0, b"".as_slice()));
    let value: Value = serde_json::from_slice(&replies[0].stdout).unwrap();
    assert_eq!(value, json!({"name": "管理", "ids": [1, 2.5]}));
    assert_eq!((replies[1].exit, replies[1].stdout.as_slice()), (0, b"null".as_slice()));
    let told: Vec<&str> = replies[2..].iter().map(|r| std::str::from_utf8(&r.stderr).unwrap()).collect();
    assert_eq!(
        told,
        [
            "Set-VMSwitchTeam: ObjectNotFound (NIC9): No adapter is named NIC9.\n",
            "it is late\n",
            "InvalidOperation: No method.\n",
        ]
    );
    assert!(replies[2..].iter().all(|reply| reply.exit == 1));
    let error: Value = serde_json::from_slice(&replies[2].stdout).unwrap();
    assert_eq!(error["id"], "X,Y");
}

#[test]
fn what_a_script_lets_slip_is_not_the_answer() {
    let out = |nonce: &Nonce| {
        let n = nonce.as_str();
        format!(
            "Welcome to hv01\r\n{n} powershell\r\nWARNING: old\r\nno line end{n} 1 begin\r\n\
             \u{feff}{{\"value\":1}}\r\n{n} 1 end\r\n{n} 2 begin\n{{\"value\":2}}\n{n} 2 end\n"
        )
    };
    let replies = ended(2, out, "", &End::Complete);
    let values: Vec<Vec<u8>> = replies.into_iter().map(|reply| reply.unwrap().stdout).collect();
    assert_eq!(values, [b"1", b"2"]);
}

#[test]
fn an_answer_that_is_none_costs_only_itself() {
    for garbage in ["", "NaN", "{\"value\":NaN}", "[1]", "{}", "{\"error\":\"x\"}", "{\"value\":1}{"] {
        let replies = answered(&[garbage, r#"{"value":1}"#]);
        let (kind, message, _) = failure(&replies[0]);
        assert_eq!(kind, TransportErrorKind::Protocol, "{garbage}");
        assert!(message.contains("test.ps1") && message.ends_with(&format!(": {garbage}")), "{message}");
        assert!(replies[1].is_ok());
    }
    let large = format!("{{\"value\":\"{}\"}}", "x".repeat(LIMIT));
    for large in [large.clone(), large.repeat(50)] {
        let replies = answered(&[&large, r#"{"value":1}"#]);
        assert_eq!(failure(&replies[0]).0, TransportErrorKind::OutputTooLarge);
        assert!(replies[1].is_ok());
    }
}

#[test]
fn a_session_that_ends_too_early_says_what_is_known() {
    let one = |nonce: &Nonce| {
        let whole = printed(nonce, &[r#"{"value":1}"#, r#"{"value":2}"#]);
        whole[..whole.len() - 45].to_owned()
    };
    let clixml = "#< CLIXML\r\n<Objs Version=\"1.1.0.1\"><S S=\"Error\">The process was_x000D__x000A_</S>\
                  <S S=\"Error\">stopped &lt;here&gt;_x000D__x000A_</S></Objs>";
    let replies = ended(3, one, clixml, &End::Closed(Some(1)));
    assert!(replies[0].is_ok());
    let (kind, message, _) = failure(&replies[1]);
    assert_eq!(kind, TransportErrorKind::Protocol);
    assert!(
        message.ends_with("(exit status 1) before the script had answered: The process was stopped <here>"),
        "{message}"
    );
    assert!(failure(&replies[2]).1.starts_with("not run"), "{replies:?}");

    let replies = ended(3, one, "", &End::Closed(None));
    assert!(
        replies[0].is_ok() && replies[1..].iter().all(|r| failure(r).0 == TransportErrorKind::ConnectionLost)
    );
    let replies = ended(3, one, "", &End::TimedOut);
    assert!(replies[1..].iter().all(|r| failure(r).0 == TransportErrorKind::Timeout));
    assert!(failure(&replies[1]).1.contains("5 s") && failure(&replies[2]).1.starts_with("not run"));
    let replies = ended(2, |_| String::new(), "", &End::Refused);
    assert!(replies.iter().all(|r| failure(r).0 == TransportErrorKind::Protocol));
    let replies = ended(2, |_| String::new(), "", &End::Closed(None));
    assert!(replies.iter().all(|r| failure(r).0 == TransportErrorKind::ConnectionLost));
}

#[test]
fn a_login_without_powershell_is_told_from_one_that_breaks() {
    let nothing = |_: &Nonce| String::new();
    let replies = ended(2, nothing, "sh: 1: powershell: not found\n", &End::Closed(Some(127)));
    for reply in &replies {
        let (kind, message, hint) = failure(reply);
        assert_eq!((kind, message), (TransportErrorKind::NoShell, "hv01 has no `powershell`"));
        assert!(hint.contains("no Windows machine") && hint.contains("pwsh"), "{hint}");
    }
    let of_cmd =
        "'pwsh' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n";
    let replies = ended_by(PowerShellProgram::Pwsh, 1, nothing, of_cmd, &End::Closed(Some(1)));
    let (kind, message, hint) = failure(&replies[0]);
    assert_eq!((kind, message), (TransportErrorKind::NoShell, "hv01 has no `pwsh`"));
    assert!(hint.contains("install PowerShell 7"), "{hint}");

    let replies = ended(1, |_| "This account is off.\r\n".to_owned(), "", &End::Closed(Some(1)));
    let (kind, message, _) = failure(&replies[0]);
    assert_eq!(kind, TransportErrorKind::Protocol);
    assert!(message.ends_with("(exit status 1): This account is off."), "{message}");
    let constrained = "#< CLIXML\r\n<Objs><S S=\"Error\">Cannot invoke method. Method invocation is supported only on core \
                       types in this language mode._x000D__x000A_    + FullyQualifiedErrorId : \
                       MethodInvocationNotSupportedInConstra_x000D__x000A_   inedLanguage_x000D__x000A_</S></Objs>";
    let replies = ended(1, nothing, constrained, &End::Closed(Some(1)));
    assert!(failure(&replies[0]).2.contains("constrained language mode"), "{replies:?}");
}

#[test]
fn what_is_out_of_order_is_an_error() {
    for wrong in [
        "1 begin",
        "powershell\nX 2 begin",
        "powershell\nX 1 end",
        "powershell\nX 1 begin\nX 1 begin",
        "shell",
    ] {
        let nonce = Nonce::given("4e6f");
        let mut collector = Collector::new(&nonce, 2, LIMIT);
        let text = format!("X {wrong}\n").replace('X', nonce.as_str());
        assert_eq!(collector.push(Output::Stdout, text.as_bytes()), Err(Unframed), "{wrong}");
    }
    let endless = format!("4e6f {}", "x".repeat(100));
    assert_eq!(
        Collector::new(&Nonce::given("4e6f"), 2, LIMIT).push(Output::Stdout, endless.as_bytes()),
        Err(Unframed)
    );
}

#[test]
fn what_clixml_says_is_read() {
    // After github.com/PowerShell/PowerShell issue 16678.
    let newer = "#< CLIXML\n<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\">\
                 <S S=\"Error\">_x001B_[91mWrite-Error: _x001B_[91mboomed_x001B_[0m_x000A_</S></Objs>";
    assert_eq!(clixml::text(newer), "Write-Error: boomed\n");
    let windows = "#< CLIXML\r\n<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\">\
                   <Obj S=\"progress\" RefId=\"0\"><TN RefId=\"0\"><T>System.Management.Automation.PSCustomObject</T></TN>\
                   <MS><I64 N=\"SourceId\">1</I64><PR N=\"Record\"><AV>Preparing modules for first use.</AV><AI>0</AI></PR></MS></Obj>\
                   <S S=\"Error\">a &amp; b &lt;c&gt; &#x41;&#66; &nbsp; x_x005F_y _xD83D__xDE00_ 管理_x000D__x000A_</S>\
                   <S S=\"warning\">old</S><S S=\"verbose\">no</S><S S=\"Error\" /></Objs>\r\n\
                   said by another\r\n#< CLIXML\r\n<Objs><Obj S=\"Error\" RefId=\"1\"><ToString>as a record</ToString></Obj></Objs><Objs><S S=\"Error\">cut o";
    assert_eq!(
        clixml::text(windows),
        "a & b <c> AB &nbsp; x_y 😀 管理\r\noldsaid by another\r\nas a recordcut o"
    );
    assert_eq!(clixml::text("sh: 1: x: not found\n"), "sh: 1: x: not found\n");
}

/// As PowerShell writes a text into CLIXML.
fn encoded(text: &str) -> String {
    let unit = |unit: u16| format!("_x{unit:04X}_");
    let one = |(at, c): (usize, char)| match c {
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '&' => "&amp;".to_owned(),
        '_' if text[at..].starts_with("_x") => "_x005F_".to_owned(),
        c if c.is_control() || u32::from(c) > 0xffff => {
            c.encode_utf16(&mut [0; 2]).iter().map(|u| unit(*u)).collect()
        }
        c => c.to_string(),
    };
    text.char_indices().map(one).collect()
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[ -~]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_goes_there_in_ascii_and_comes_back(
        values in prop::collection::vec(any_json(), 1..4),
        sizes in prop::collection::vec(1..70_usize, 1..8),
        noise in prop::collection::vec(any::<String>(), 4),
        ends in prop::bool::ANY,
    ) {
        let requests: Vec<Request> = values.iter().map(|value| script(json!({ "value": value }))).collect();
        let round = Round::new(&requests, PowerShellProgram::Powershell).unwrap();
        let input = String::from_utf8(round.input()).unwrap();
        prop_assert!(input.is_ascii());
        // There, each answers what it was given.
        let n = round.nonce.as_str();
        let end = if ends { "\r\n" } else { "\n" };
        let mut out = format!("{}{n} powershell{end}", noise[0]);
        for (at, line) in input.lines().skip(1).enumerate() {
            let sent: Value = serde_json::from_str(line).unwrap();
            let number = at + 1;
            let (noise, answer) = (&noise[number], &sent["input"]);
            out = [&out, noise, &format!("{n} {number} begin{end}{answer}{end}{n} {number} end{end}")].map(String::as_str).concat();
        }
        let mut collector = round.collector(1 << 20);
        let mut rest = out.as_bytes();
        for size in sizes.iter().cycle() {
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            collector.push(Output::Stdout, piece).unwrap();
            rest = after;
            if rest.is_empty() { break }
        }
        prop_assert!(collector.finished());
        let replies = round.replies(collector, &End::Complete, "hv01", limits());
        let back: Vec<Value> = replies.into_iter().map(|r| serde_json::from_slice(&r.unwrap().stdout).unwrap()).collect();
        prop_assert_eq!(back, values);
    }

    #[test]
    fn what_is_cut_is_never_half_an_answer(at in 0..400_usize) {
        let nonce = Nonce::given("0123456789abcdef0123456789abcdef");
        let whole = printed(&nonce, &[r#"{"value":[1,2]}"#, r#"{"value":[3,4]}"#]);
        let pieces = [&whole.as_bytes()[..at.min(whole.len())]];
        let got = read(nonce.as_str(), 2, LIMIT, pieces);
        let expected = [Some(b"[1,2]".to_vec()), Some(b"[3,4]".to_vec())];
        let got: Vec<_> = got.into_iter().map(|reply| reply.map(|reply| reply.stdout)).collect();
        prop_assert_eq!(&got[..], &expected[..got.len()]);
    }

    #[test]
    fn any_text_is_read_out_of_clixml(texts in prop::collection::vec(any::<String>(), 1..4)) {
        // Colours are taken out.
        let texts: Vec<String> = texts.iter().map(|text| text.replace('\u{1b}', "_x001")).collect();
        let elements: Vec<String> = texts.iter().map(|text| format!("<S S=\"Error\">{}</S>", encoded(text))).collect();
        let said = format!("#< CLIXML\r\n<Objs>{}</Objs>", elements.concat());
        prop_assert_eq!(clixml::text(&said), texts.concat());
    }

    #[test]
    fn nothing_whatever_breaks_the_reader(text in "(#< CLIXML\r\n|<Objs>|</Objs>|<S S=\"Error\">|</S>|<Obj S=\"Error\">|<ToString>|_x|_x0041_|_xD83D_|&|&#|;|\u{1b}\\[|[ -~管]){0,40}") {
        drop(clixml::text(&text));
    }
}
