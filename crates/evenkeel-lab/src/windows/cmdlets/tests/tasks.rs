//! The registry and scheduled tasks: what the dead man's switch stands on.

use serde_json::json;

use super::{all, does, fails, host, one};

#[test]
fn keys_and_values() {
    let mut host = host();
    let key = "HKLM:\\SOFTWARE\\Evenkeel";
    assert_eq!(one(&mut host, &format!("Test-Path -Path '{key}'")), json!(false));
    assert_eq!(
        fails(&mut host, &format!("Get-ItemProperty -Path '{key}'")),
        "Cannot find path 'HKLM:\\SOFTWARE\\Evenkeel' because it does not exist."
    );
    does(&mut host, &format!("New-Item -Path '{key}'"));
    assert_eq!(fails(&mut host, &format!("New-Item -Path '{key}'")), "A key in this path already exists.");
    assert!(fails(&mut host, &format!("New-Item -Path '{key}2\\A\\B'")).contains("does not exist"));
    does(&mut host, &format!("Set-ItemProperty -Path '{key}' -Name Guard -Value 'it''s 管理'"));
    assert_eq!(one(&mut host, "(Get-ItemProperty hklm:\\software\\evenkeel).guard"), json!("it's 管理"));
    assert_eq!(one(&mut host, &format!("\"$((Get-ItemProperty '{key}').Other)\"")), json!(""));
    does(&mut host, &format!("Remove-ItemProperty -Path '{key}' -Name Guard"));
    let gone = fails(&mut host, &format!("Remove-ItemProperty -Path '{key}' -Name Guard"));
    assert_eq!(gone, "Property Guard does not exist at path HKLM:\\SOFTWARE\\Evenkeel.");
    does(&mut host, &format!("Remove-Item -Path '{key}'"));
    assert_eq!(one(&mut host, &format!("Test-Path '{key}'")), json!(false));
}

/// A task that takes the board's NIC from us, a minute from now.
const REGISTER: &str = "
$run = 'Disable-NetAdapter -Name Onboard -Confirm:$false'
$encoded = [Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes($run))
$action = New-ScheduledTaskAction -Execute 'powershell.exe' -Argument \"-NoProfile -NonInteractive -EncodedCommand $encoded\"
$trigger = New-ScheduledTaskTrigger -Once -At ([DateTime]::Now.AddSeconds(60))
Register-ScheduledTask -TaskPath '\\Evenkeel\\' -TaskName 'Guard' -Action $action -Trigger $trigger";

#[test]
fn a_task_runs_when_it_is_due() {
    let mut host = host();
    does(&mut host, REGISTER);
    assert_eq!(fails(&mut host, REGISTER), "Cannot create a file when that file already exists.");
    does(&mut host, &format!("{REGISTER} -Force"));
    let state = "\"$((Get-ScheduledTask -TaskPath '\\Evenkeel\\' -TaskName 'Guard').State)\"";
    assert_eq!(one(&mut host, state), json!("Ready"));
    host.pass(59);
    assert_eq!(one(&mut host, "(Get-NetAdapter Onboard).Status"), json!("Up"));
    host.pass(1);
    assert_eq!(one(&mut host, "(Get-NetAdapter Onboard).Status"), json!("Disabled"));
    does(&mut host, "Enable-NetAdapter Onboard");
    host.pass(3600);
    assert_eq!(one(&mut host, "(Get-NetAdapter Onboard).Status"), json!("Up"), "once is once");
}

#[test]
fn a_task_can_be_taken_back_or_started_at_once() {
    let mut host = host();
    does(&mut host, REGISTER);
    does(
        &mut host,
        "Get-ScheduledTask -TaskName Guard | Where-Object { \"$($_.State)\" -ne 'Running' } | Unregister-ScheduledTask -Confirm:$false",
    );
    host.pass(3600);
    assert_eq!(one(&mut host, "(Get-NetAdapter Onboard).Status"), json!("Up"));
    assert_eq!(
        fails(&mut host, "Get-ScheduledTask -TaskName Guard"),
        "No MSFT_ScheduledTask objects found with property 'TaskName' equal to 'Guard'.  Verify the value of the property and retry."
    );
    let quiet = "Get-ScheduledTask -TaskName Guard -ErrorAction SilentlyContinue";
    assert_eq!(all(&mut host, quiet), json!([]));
    does(
        &mut host,
        &format!(
            "{REGISTER}; Start-ScheduledTask -TaskPath '\\Evenkeel\\' -TaskName Guard; Start-Sleep -Seconds 1"
        ),
    );
    assert_eq!(one(&mut host, "(Get-NetAdapter Onboard).Status"), json!("Disabled"));
}
