//! Where PowerShell is not what one thinks. Each case names the page of its documentation.

use serde_json::{Value as Json, json};

use super::super::run_script;
use super::toy::Toy;

/// What a script's last value is, on 5.1.
fn gives(script: &str) -> Json {
    run_script(&mut Toy::default(), script, &json!({ "one": ["a"], "none": [], "nul": null }))
        .unwrap_or_else(|error| panic!("{script}\n{}: {}", error.category, error.message))
}

/// Each script's last statement is a value, and what it is.
fn all(cases: &[(&str, Json)]) {
    for (script, wanted) in cases {
        assert_eq!(&gives(&format!("param($Wanted)\n@{{ r = {script} }}"))["r"], wanted, "{script}");
    }
}

#[test]
fn a_pipeline_takes_lists_apart_and_one_item_is_no_list() {
    // about_Arrays, about_Return: output is enumerated, one level deep.
    assert_eq!(gives("function F() { @(1) }\n@{ r = F }"), json!({ "r": 1 }));
    assert_eq!(gives("function F() { @(1, 2) }\n@{ r = F }"), json!({ "r": [1, 2] }));
    assert_eq!(gives("function F() { , @(1) }\n@{ r = F }"), json!({ "r": [1] }));
    assert_eq!(gives("function F() { }\n@{ r = F }"), json!({ "r": null }));
    assert_eq!(gives("function F() { @() }\n@{ r = @(F) }"), json!({ "r": [] }));
    // Everything that a function leaves is its output, not what it returns alone.
    assert_eq!(gives("function F() { 1; return 2 }\n@{ r = F }"), json!({ "r": [1, 2] }));
    assert_eq!(gives("$x = @(1)\n@{ r = $x }"), json!({ "r": [1] }));
    assert_eq!(gives("$x = $(@(1))\n@{ r = $x }"), json!({ "r": 1 }));
    assert_eq!(gives("$x = if ($true) { @(1) }\n@{ r = $x }"), json!({ "r": 1 }));
}

#[test]
fn nothing_is_not_null() {
    // about_Arrays: @($null) has one item; everything-you-wanted-to-know-about-null: a pipeline's nothing has none.
    all(&[
        ("@($null).Count", json!(1)),
        ("@($Wanted.missing).Count", json!(1)),
        ("@($Wanted.nul)", json!([null])),
        ("@($Wanted.none).Count", json!(0)),
        ("@($Wanted.one).Count", json!(1)),
        ("@().Count", json!(0)),
        ("$null.Count", json!(0)),
        ("(5).Count", json!(1)),
        ("$missing.a.b", json!(null)),
    ]);
    assert_eq!(gives("function F() { }\n$x = F\n@{ r = @($x).Count }"), json!({ "r": 0 }));
    // about_Foreach: no round for $null; ForEach-Object makes one.
    assert_eq!(gives("$n = 0\nforeach ($x in $null) { $n++ }\n@{ r = $n }"), json!({ "r": 0 }));
    assert_eq!(gives("$n = 0\n$null | ForEach-Object { $n++ }\n@{ r = $n }"), json!({ "r": 1 }));
    assert_eq!(gives("$n = 0\n@() | ForEach-Object { $n++ }\n@{ r = $n }"), json!({ "r": 0 }));
}

#[test]
fn comparisons_take_no_notice_of_case_and_filter_lists() {
    // about_Comparison_Operators
    all(&[
        ("'Up' -eq 'UP'", json!(true)),
        ("'イーサネット' -eq 'イーサネット'", json!(true)),
        ("@(1, 2, 1) -eq 1", json!([1, 1])),
        ("@('a', 'b') -ne 'A'", json!(["b"])),
        ("@(1, $null) -eq $null", json!([null])),
        ("$null -eq @()", json!(false)),
        ("$null -eq ''", json!(false)),
        ("5 -eq '5'", json!(true)),
        ("'5' -eq 5", json!(true)),
        ("'x' -eq $true", json!(false)),
        ("$true -eq 'x'", json!(true)),
        ("10 -gt '9'", json!(true)),
        ("'10' -gt 9", json!(false)),
        ("$null -lt 0", json!(true)),
        ("$null -ge 60", json!(false)),
        ("'g1 done' -notlike 'G1 *'", json!(false)),
        ("'g10 done' -like 'g1 *'", json!(false)),
        ("'a-b' -like 'a?b'", json!(true)),
        ("@('a', 'b') -contains 'B'", json!(true)),
        ("'a' -notcontains 'b'", json!(true)),
        ("'B' -in @('a', 'b')", json!(true)),
        ("$null -in @()", json!(false)),
    ]);
}

#[test]
fn truth() {
    // about_Booleans
    all(&[
        ("-not @()", json!(true)),
        ("-not @(0)", json!(true)),
        ("-not @(0, 0)", json!(false)),
        ("-not ''", json!(true)),
        ("-not 'False'", json!(false)),
        ("-not @{}", json!(false)),
        ("-not 0", json!(true)),
        ("$true -or $false -and $false", json!(false)),
    ]);
}

#[test]
fn texts_and_operators() {
    // about_Quoting_Rules, about_Split, about_Join, about_Arithmetic_Operators, about_Assignment_Operators
    all(&[
        ("\"$($Wanted.one) and $true`n\"", json!("a and True\n")),
        ("\"`$x \"\"q\"\" it's\"", json!("$x \"q\" it's")),
        ("'$x ''q'''", json!("$x 'q'")),
        ("\"$(@(1, 2))\"", json!("1 2")),
        ("\"$Wanted.one\"", json!("@{none=System.Object[]; nul=; one=System.Object[]}.one")),
        ("'a b c' -split ' '", json!(["a", "b", "c"])),
        ("('a b c' -split ' ')[2]", json!("c")),
        ("@(1, 2) -join '; '", json!("1; 2")),
        ("@() -join ';'", json!("")),
        ("1 + '2'", json!(3)),
        ("'1' + 2", json!("12")),
        ("@(1) + 2", json!([1, 2])),
        ("7 - 10", json!(-3)),
    ]);
    assert_eq!(gives("$x = @()\n$x += 'a'\n@{ r = $x }"), json!({ "r": ["a"] }));
    assert_eq!(gives("$x += 'a'\n@{ r = $x }"), json!({ "r": "a" }));
}

#[test]
fn casts() {
    // about_Type_Conversion
    all(&[
        ("[int]'5' + 1", json!(6)),
        ("[int]$null", json!(0)),
        ("[int]('g1 failed 3' -split ' ')[2]", json!(3)),
        ("\"$([bool]'x')\"", json!("True")),
        ("[bool]@()", json!(false)),
        ("[string]@(1, 2)", json!("1 2")),
    ]);
    let caught = "try { [int]'x' } catch { @{ r = \"$($_.CategoryInfo.Category)\" } }";
    assert_eq!(gives(caught), json!({ "r": "InvalidArgument" }));
}

#[test]
fn scopes_that_a_name_says() {
    // about_Scopes: what is called is no script file, so its script scope is the global one.
    let script = "$x = 1\n$global:x = 2\nfunction F() { $script:x = 3\n $local:x = 4 }\nF\n@{ x = $x; global = $global:x }";
    assert_eq!(gives(script), json!({ "x": 1, "global": 3 }));
}

#[test]
fn indexes_and_members() {
    // about_Arrays, about_Hash_Tables, about_Member-Access_Enumeration
    all(&[
        ("@(1, 2)[-1]", json!(2)),
        ("@(1, 2)[5]", json!(null)),
        ("@(1)[0]", json!(1)),
        ("(5)[0]", json!(5)),
        ("@{ A = 1 }['a']", json!(1)),
        ("@{ A = 1 }.a", json!(1)),
        ("@{ A = 1 }.Count", json!(1)),
        ("@(@{ a = 1 }, @{ a = 2 }).a", json!([1, 2])),
        ("@(@{ a = 1 }, @{ b = 2 }).a", json!(1)),
        ("@($Wanted.PSObject.Properties).Count", json!(3)),
        ("@($Wanted.PSObject.Properties | Where-Object { $_.Name -eq 'ONE' }).Value", json!("a")),
    ]);
    let caught =
        "try { $null[0] } catch { @{ r = \"$($_.CategoryInfo.Category) $($_.FullyQualifiedErrorId) $_\" } }";
    assert_eq!(gives(caught), json!({ "r": "InvalidOperation NullArray Cannot index into a null array." }));
    let caught = "try { $null.Trim() } catch { @{ r = \"$_\" } }";
    assert_eq!(gives(caught), json!({ "r": "You cannot call a method on a null-valued expression." }));
}

#[test]
fn a_custom_object_has_no_count_in_5_1() {
    // about_Properties: since 6 every object has Count and Length.
    let script = "param($Wanted)\n@{ r = $Wanted.Count }";
    assert_eq!(run_script(&mut Toy::default(), script, &json!({})), Ok(json!({ "r": null })));
    assert_eq!(
        run_script(&mut Toy { core: true, ..Toy::default() }, script, &json!({})),
        Ok(json!({ "r": 1 }))
    );
}

#[test]
fn what_is_called_sees_its_callers_variables_and_sets_its_own() {
    // about_Scopes
    let script = "$x = 1\n$t = @{}\nfunction F() { $t['seen'] = $x\n $x = 2\n $t['own'] = $x }\nF\n$t['after'] = $x\n$t";
    assert_eq!(gives(script), json!({ "seen": 1, "own": 2, "after": 1 }));
    let script = "function Outer($Name, $Block) { & $Block }\nOuter 'n' { @{ r = $Name } }";
    assert_eq!(gives(script), json!({ "r": "n" }));
    // ForEach-Object's block has no scope of its own.
    assert_eq!(gives("$n = 0\n@(1, 2) | ForEach-Object { $n += $_ }\n@{ r = $n }"), json!({ "r": 3 }));
    // … and return in it ends one round.
    assert_eq!(
        gives("@{ r = @(@(1, 2) | ForEach-Object { if ($_ -eq 1) { return }\n $_ }) }"),
        json!({ "r": [2] })
    );
    assert_eq!(gives("$b = { @{ r = $args } }\n& $b 1 2"), json!({ "r": [1, 2] }));
    assert_eq!(gives("function F($A, $B) { @{ a = $A; b = $B } }\nF -b 1 2"), json!({ "a": 2, "b": 1 }));
}

#[test]
fn errors_are_caught_and_finally_runs() {
    // about_Try_Catch_Finally, about_Throw
    assert_eq!(
        gives(
            "try { throw 'no' } catch { @{ m = \"$_\"; c = \"$($_.CategoryInfo.Category)\"; t = $_.CategoryInfo.TargetName } }"
        ),
        json!({ "m": "no", "c": "OperationStopped", "t": "no" })
    );
    let script = "$t = @{}\ntry { try { throw 'a' } finally { $t['f'] = 1 } } catch { $t['c'] = \"$_\" }\n$t";
    assert_eq!(gives(script), json!({ "f": 1, "c": "a" }));
    let script = "try { try { Get-Thing x } catch { throw } } catch { @{ r = $_.CategoryInfo.Activity } }";
    assert_eq!(gives(script), json!({ "r": "Get-Thing" }));
    assert_eq!(
        gives("try { Get-Missing } catch { @{ r = $_.CategoryInfo.TargetName } }"),
        json!({ "r": "Get-Missing" })
    );
    let script = "$n = 0\nwhile ($true) { $n++\n try { if ($n -lt 3) { continue }\n break } finally { $m = $n } }\n@{ r = $m }";
    assert_eq!(gives(script), json!({ "r": 3 }));
    let deep = run_script(&mut Toy::default(), "function F() { F }\nF", &json!({})).unwrap_err();
    assert_eq!(deep.message, "The script failed due to call depth overflow.");
}

#[test]
fn loops_and_branches() {
    let script = "$s = ''\nfor ($i = 0; $i -lt 4; $i++) { if ($i -eq 1) { continue } elseif ($i -eq 3) { break } else { $s += $i } }\n@{ r = $s }";
    assert_eq!(gives(script), json!({ "r": "02" }));
}

#[test]
fn what_the_simulator_does_not_understand_is_no_error_that_a_script_catches() {
    for (script, what) in [
        ("$x = 1\ntry { 5 * 2 } catch { 1 }", "line 2"),
        ("try {\n 'a' -match 'b' } catch { 1 }", "line 2"),
        ("$x = 1\n\ntry { [Console]::Beep() } catch { 1 }", "line 3"),
        ("try { 'abc' -split 'b*' } catch { 1 }", "-split"),
        ("Get-VM > out.txt", "line 1"),
        ("if (", "line 1"),
    ] {
        let error = run_script(&mut Toy::default(), script, &json!({})).unwrap_err();
        assert_eq!(error.category, "NotImplemented", "{script}: {}", error.message);
        assert!(error.message.contains(what), "{script}: {}", error.message);
    }
}

#[test]
fn json_both_ways() {
    // ConvertTo-Json, notes of -Depth, -Compress and -EnumsAsStrings
    let enumeration = "@(Get-NetAdapter)[0].Status";
    all(&[
        (enumeration, json!(2)),
        ("ConvertTo-Json -InputObject @() -Compress", json!("[]")),
        (
            "ConvertTo-Json -InputObject @{ a = @{ b = @{ c = @{ d = 1 } } } } -Compress",
            json!(r#"{"a":{"b":{"c":"System.Collections.Hashtable"}}}"#),
        ),
        ("ConvertTo-Json -InputObject @{ a = @(1, 2) } -Depth 0 -Compress", json!(r#"{"a":"1 2"}"#)),
        ("ConvertTo-Json -InputObject \"<it's>\" -Compress", json!(r#""\u003cit\u0027s\u003e""#)),
        (
            "(ConvertFrom-Json -InputObject '{\"A\": [1, {\"b\": null}]}').a[1].PSObject.Properties.Name",
            json!("b"),
        ),
        (
            "ConvertTo-Json -InputObject (ConvertFrom-Json -InputObject '{\"x\":{\"y\":[]}}') -Depth 3 -Compress",
            json!(r#"{"x":{"y":[]}}"#),
        ),
    ]);
    let script = "@{ r = ConvertTo-Json -InputObject \"<it's>\" -Compress }";
    let seven = run_script(&mut Toy { core: true, ..Toy::default() }, script, &json!({}));
    assert_eq!(seven, Ok(json!({ "r": "\"<it's>\"" })));
    let bad = run_script(&mut Toy::default(), "ConvertFrom-Json -InputObject '{'", &json!({})).unwrap_err();
    assert_eq!(bad.cmdlet, "ConvertFrom-Json");
}
