//! What is given to a cmdlet, and what comes of it (`about_Parameters`, `about_Splatting`, `about_CommonParameters`).

use serde_json::json;

use super::super::super::value::ErrorRecord;
use super::super::run_script;
use super::toy::Toy;

/// What the cmdlets were called with.
fn calls(script: &str) -> Vec<String> {
    let mut toy = Toy::default();
    match run_script(&mut toy, script, &json!({})) {
        Ok(_) => toy.calls,
        Err(error) => panic!("{script}\n{}", error.message),
    }
}

fn fails(script: &str) -> ErrorRecord {
    run_script(&mut Toy::default(), script, &json!({})).unwrap_err()
}

#[test]
fn arguments_are_made_into_what_parameters_take() {
    assert_eq!(
        calls("Set-Thing -name 5 -VLANID '100' -Enabled 1 -Access -Adapters NIC1 -Algorithm hypervport"),
        [
            r#"Set-Thing -Name "5" -VlanId 100 -Enabled true -Access true -Adapters ["NIC1"] -Algorithm "HyperVPort""#
        ]
    );
    assert_eq!(
        calls("Set-Thing -Adapters NIC1,'NIC 2' -Priorities 3,4 -Access:$false -Vlan 7 -Confirm:$false"),
        [r#"Set-Thing -Adapters ["NIC1","NIC 2"] -Priorities [3,4] -Access false -VlanId 7"#]
    );
    // By position, beside what is named.
    assert_eq!(calls("Set-Thing a -Name n b"), [r#"Set-Thing -Name "n" -First "a" -Second "b""#]);
    assert_eq!(calls("Set-Thing -Second $null"), ["Set-Thing -Second null"]);
}

#[test]
fn a_table_is_splatted_by_name_and_a_list_by_position() {
    assert_eq!(
        calls(
            "$p = @{ Name = 'n'; Access = $true; Adapters = @('a'); Enabled = $false; ErrorAction = 'Stop' }\nSet-Thing @p"
        ),
        [r#"Set-Thing -Name "n" -Access true -Adapters ["a"] -Enabled false"#]
    );
    assert_eq!(calls("$p = 'a', 'b'\nSet-Thing @p"), [r#"Set-Thing -First "a" -Second "b""#]);
    assert_eq!(calls("$c = 'set-thing'\n& $c -Name n | Out-Null"), [r#"Set-Thing -Name "n""#]);
}

#[test]
fn what_does_not_fit_is_refused_in_powershells_words() {
    for (script, id, words) in [
        (
            "Set-Thing -Nme x",
            "NamedParameterNotFound",
            "A parameter cannot be found that matches parameter name 'Nme'.",
        ),
        ("Set-Thing -Name", "MissingArgument", "Missing an argument for parameter 'Name'."),
        ("Set-Thing -Name -Access", "MissingArgument", "Missing an argument for parameter 'Name'."),
        ("Set-Thing -A x", "AmbiguousParameter", "Possible matches include: -Access -Adapters -Algorithm."),
        ("Set-Thing a b c", "PositionalParameterNotFound", "accepts argument 'c'."),
        (
            "Set-Thing -VlanId ten",
            "CannotConvertArgumentNoMessage",
            "Cannot convert value \"ten\" to type \"System.Int32\".",
        ),
        (
            "Set-Thing -Enabled 'yes'",
            "ParameterArgumentTransformationError",
            "Boolean parameters accept only Boolean values",
        ),
        ("Set-Thing -Algorithm Hash", "CannotConvertArgumentNoMessage", "try again: HyperVPort, Dynamic"),
        (
            "Set-Thing -Name @('a', 'b')",
            "CannotConvertArgument",
            "Cannot convert 'System.Object[]' to the type 'System.String'",
        ),
        ("Set-Thing -Name $null", "ParameterArgumentValidationErrorNullNotAllowed", "because it is null."),
        ("Set-Thing -Name a -Name b", "ParameterAlreadyBound", "specified more than once"),
        ("1 | Set-Thing", "InputObjectNotBound", "The input object cannot be bound to any parameters"),
    ] {
        let error = fails(script);
        assert_eq!((error.id.as_str(), error.cmdlet.as_str()), (id, "Set-Thing"), "{script}");
        assert!(error.message.contains(words), "{script}: {}", error.message);
    }
    let missing = fails("Set-Nothing -Name x");
    assert_eq!((missing.category, missing.target.as_str()), ("ObjectNotFound", "Set-Nothing"));
    assert!(missing.message.starts_with("The term 'Set-Nothing' is not recognized"), "{}", missing.message);
}

#[test]
fn a_pipeline_that_is_empty_calls_nothing() {
    assert_eq!(calls("Get-Nothing | Remove-Thing"), ["Get-Nothing"]);
    let called = calls("Get-VM | Where-Object { $_.Name -like '* 2' } | Remove-Thing");
    assert_eq!(called.len(), 2);
    assert!(
        called[1].starts_with("Remove-Thing -InputObject [{") && called[1].contains("イーサネット 2"),
        "{}",
        called[1]
    );
}

#[test]
fn errors_end_a_statement_as_error_action_says() {
    assert_eq!(fails("Get-Thing x").message, "there is no thing x");
    let said = |script: &str| run_script(&mut Toy::default(), script, &json!({})).unwrap();
    assert_eq!(said("@{ r = @(Get-Thing x -ErrorAction SilentlyContinue).Count }"), json!({ "r": 0 }));
    assert_eq!(
        said("$ErrorActionPreference = 'SilentlyContinue'\nGet-Thing x\n@{ r = 1 }"),
        json!({ "r": 1 })
    );
    // A name that there is not is another matter.
    assert_eq!(fails("Get-Nix -ErrorAction SilentlyContinue").id, "CommandNotFoundException");
    assert_eq!(
        said("@{ r = @(Get-Command -Name Get-Nix -ErrorAction SilentlyContinue).Count }"),
        json!({ "r": 0 })
    );
    assert_eq!(said("@{ r = @(Get-Command -Name get-thing).Name }"), json!({ "r": "Get-Thing" }));
}
