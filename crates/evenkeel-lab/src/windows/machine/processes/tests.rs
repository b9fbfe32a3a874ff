//! Scripts and tasks that meet.

use serde_json::{Value, json};

use crate::machine::Machine as _;
use crate::windows::machine::by_hand::host;
use crate::windows::{ErrorRecord, WindowsHost};

const KEY: &str = "$key = 'HKLM:\\SOFTWARE\\Test'
function Put($Name, $Value) { Set-ItemProperty -Path $key -Name $Name -Value $Value }
function Take($Name) { \"$(@((Get-ItemProperty -Path $key).PSObject.Properties | Where-Object { $_.Name -eq $Name }).Value)\" }
";

/// A host with a key for what scripts tell each other.
fn ready() -> WindowsHost {
    let mut host = host();
    host.by_hand("New-Item -Path 'HKLM:\\SOFTWARE\\Test'").unwrap();
    host
}

/// A task that runs `script` so many seconds from now; `more` are further triggers.
fn register(host: &mut WindowsHost, seconds: i64, script: &str, more: &str) {
    let script = format!("{KEY}{script}").replace('\'', "''");
    let line = format!(
        "$encoded = [Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes('{script}'))
$action = New-ScheduledTaskAction -Execute 'powershell.exe' -Argument \"-NoProfile -NonInteractive -EncodedCommand $encoded\"
$triggers = @((New-ScheduledTaskTrigger -Once -At ([DateTime]::Now.AddSeconds({seconds}))){more})
Register-ScheduledTask -TaskPath '\\T\\' -TaskName 'T' -Action $action -Trigger $triggers -Force | Out-Null"
    );
    host.by_hand(&line).unwrap();
}

fn run(host: &mut WindowsHost, script: &str) -> Result<Value, ErrorRecord> {
    host.by_hand(&format!("{KEY}{script}"))
}

#[test]
fn a_task_comes_in_the_midst_of_a_script_that_sleeps() {
    let mut host = ready();
    register(
        &mut host,
        5,
        "Put 'b' \"$(Take 'a') then b\"\nStart-Sleep -Seconds 10\nPut 'b' \"$(Take 'a') at the end\"",
        "",
    );
    let seen = run(
        &mut host,
        "Put 'a' 'one'\nStart-Sleep 4\n$before = Take 'b'\nStart-Sleep 6\n$within = Take 'b'\nPut 'a' 'two'\nStart-Sleep 6\n@{ seen = @($before, $within, (Take 'b')) }",
    );
    assert_eq!(seen, Ok(json!({ "seen": ["", "one then b", "two at the end"] })));
}

#[test]
fn each_waits_for_the_other() {
    let mut host = ready();
    register(&mut host, 1, "while ((Take 'go') -ne 'yes') { Start-Sleep 1 }\nPut 'gone' 'yes'", "");
    let script = "Start-Sleep 7\nPut 'go' 'yes'\n$n = 0\nwhile ((Take 'gone') -ne 'yes' -and $n -lt 60) { Start-Sleep 1; $n++ }\n@{ waited = $n }";
    assert_eq!(run(&mut host, script), Ok(json!({ "waited": 1 })));
}

#[test]
fn a_cmdlet_that_takes_its_time_lets_others_go_on() {
    let mut host = ready();
    register(&mut host, 5, "Put 'a' 'by the task'", "");
    host.slow("Get-VMSwitch", 10);
    let seen = run(&mut host, "Put 'a' 'mine'\nGet-VMSwitch | Out-Null\n@{ a = Take 'a' }");
    assert_eq!(seen, Ok(json!({ "a": "by the task" })));
}

#[test]
fn what_is_begun_comes_to_its_end_before_the_next_asks_but_not_for_ever() {
    let mut host = ready();
    register(&mut host, 1, "Start-Sleep 100\nPut 'a' 'end'", "");
    assert_eq!(run(&mut host, "Start-Sleep 2\nTake 'a'"), Ok(json!("")));
    assert_eq!(run(&mut host, "Take 'a'"), Ok(json!("end")));
    register(&mut host, 1, "while ($true) { try { Start-Sleep 1 } finally { Put 'a' 'again' } }", "");
    run(&mut host, "Start-Sleep 2\nPut 'a' ''").unwrap();
    run(&mut host, "Put 'a' 'quiet'").unwrap();
    host.pass(10_000);
    assert_eq!(run(&mut host, "Take 'a'"), Ok(json!("quiet")));
    let state = "\"$((Get-ScheduledTask -TaskName 'T').State)\"";
    assert_eq!(host.by_hand(state), Ok(json!("Ready")));
}

#[test]
fn a_task_that_runs_is_not_begun_again() {
    let mut host = ready();
    register(&mut host, 1, "Put 'n' \"$(Take 'n')x\"\nStart-Sleep 30", "");
    let script = "Start-Sleep 5\nStart-ScheduledTask -TaskPath '\\T\\' -TaskName 'T'\nStart-Sleep 5\n\"$((Get-ScheduledTask -TaskName 'T').State) $(Take 'n')\"";
    assert_eq!(run(&mut host, script), Ok(json!("Running x")));
}

#[test]
fn a_mutex_is_one_processes_at_a_time() {
    let mutex = "$m = [Threading.Mutex]::new($false, 'Global\\M')\n";
    let mut host = ready();
    register(
        &mut host,
        1,
        &format!("{mutex}$m.WaitOne(1000) | Out-Null\nStart-Sleep 20\n$m.ReleaseMutex()"),
        "",
    );
    let script = format!(
        "{mutex}Start-Sleep 2\n$first = $m.WaitOne(5000)\n$then = $m.WaitOne(60000)\n$m.ReleaseMutex()\n@{{ first = $first; then = $then }}"
    );
    assert_eq!(run(&mut host, &script), Ok(json!({ "first": false, "then": true })));
    let not_ours = run(&mut host, &format!("{mutex}$m.ReleaseMutex()")).unwrap_err();
    assert!(not_ours.message.contains("unsynchronized"), "{}", not_ours.message);
    // Who ends without a word leaves it to who waits, and to nobody else.
    register(&mut host, 1, &format!("{mutex}$m.WaitOne(1000) | Out-Null\nStart-Sleep 20"), "");
    let left = run(&mut host, &format!("{mutex}Start-Sleep 2\n$m.WaitOne(60000)")).unwrap_err();
    assert!(left.message.contains("abandoned"), "{}", left.message);
    assert_eq!(run(&mut host, &format!("{mutex}$m.WaitOne(0)")), Ok(json!(true)));
    assert_eq!(run(&mut host, &format!("{mutex}$m.WaitOne(0)")), Ok(json!(true)));
}

#[test]
fn who_is_killed_does_nothing_more_not_even_finally() {
    let mut host = ready();
    host.session.calls_left = Some(1);
    let killed = run(
        &mut host,
        "try { Put 'a' 'one'; Put 'a' 'two' } catch { Put 'a' 'three' } finally { Put 'a' 'four' }",
    );
    assert_eq!(killed.unwrap_err().id, "PipelineStopped");
    assert_eq!(run(&mut host, "Take 'a'"), Ok(json!("one")));
}

#[test]
fn a_machine_that_starts_anew() {
    let mut host = ready().with_cluster_address("NIC2", "10.1.0.9/24");
    let manual = "Get-NetIPAddress | Where-Object { \"$($_.PrefixOrigin)\" -eq 'Manual' } | ForEach-Object { $_.IPAddress }";
    assert_eq!(
        host.by_hand(&format!("@{{ all = @({manual}) }}")),
        Ok(json!({ "all": ["192.168.1.10", "10.1.0.9"] }))
    );
    host.by_hand(
        "New-NetIPAddress -InterfaceAlias NIC2 -IPAddress 10.2.0.1 -PrefixLength 24 -PolicyStore ActiveStore",
    )
    .unwrap();
    register(&mut host, 30, "Put 'once' \"$(Take 'once')x\"", "");
    host.restart_host();
    host.pass(1000);
    assert_eq!(run(&mut host, "Take 'once'"), Ok(json!("")), "its time came while it was off");
    assert_eq!(host.by_hand(&format!("@{{ all = @({manual}) }}")), Ok(json!({ "all": ["192.168.1.10"] })));
    // With a trigger for that it runs at the start, and while Hyper-V is not there yet.
    let look = "try { Get-VMSwitch -ErrorAction Stop | Out-Null } catch { Put 'why' \"$($_.Exception.Message)\" }\nStart-Sleep 40\nPut 'then' \"$(@(Get-VMSwitch).Count) switches\"";
    register(&mut host, 5000, look, ", (New-ScheduledTaskTrigger -AtStartup)");
    host.restart_host();
    assert_eq!(run(&mut host, "Take 'then'"), Ok(json!("0 switches")));
    let why = run(&mut host, "Take 'why'").unwrap();
    assert!(why.as_str().unwrap().contains("Verify that the Virtual Machine Management service"), "{why}");
    host.by_hand("Set-ItemProperty -Path 'HKLM:\\SOFTWARE\\Test' -Name 'then' -Value ''").unwrap();
    host.pass(6000);
    assert_eq!(
        run(&mut host, "Take 'then'"),
        Ok(json!("0 switches")),
        "its time is still to come after a start"
    );
    assert!(host.copy().fingerprint() == host.fingerprint());
}
