//! Scheduled tasks. A task here has one action; of triggers there are those for a time and for the machine's start.

use super::super::machine::{Task, WindowsHost};
use super::super::shell::{Arguments, Parameter, Takes};
use super::super::value::{ErrorRecord, Value, is_name};
use super::found::{fits, has_wildcards, not_found};
use super::{Cmdlet, Given, at, named, piped};

const CLASS: &str = "MSFT_ScheduledTask";
const PATH: Parameter = named("TaskPath", Takes::Text);
const NAME: Parameter = at(0, "TaskName", Takes::Text);

/// The cmdlets of this file.
pub(super) static CMDLETS: &[Cmdlet] = &[
    Cmdlet::new(
        "New-ScheduledTaskAction",
        &[
            at(0, "Execute", Takes::Text),
            at(1, "Argument", Takes::Text),
            named("WorkingDirectory", Takes::Text),
        ],
        |_, arguments| Ok(vec![kept("MSFT_TaskExecAction", arguments)]),
    ),
    Cmdlet::new(
        "New-ScheduledTaskTrigger",
        &[named("Once", Takes::Switch), named("At", Takes::Any), named("AtStartup", Takes::Switch)],
        |_, arguments| Ok(vec![kept("MSFT_TaskTimeTrigger", arguments)]),
    ),
    Cmdlet::new(
        "New-ScheduledTaskPrincipal",
        &[
            at(0, "UserId", Takes::Text),
            named(
                "LogonType",
                Takes::Word(&[
                    "None",
                    "Password",
                    "S4U",
                    "Interactive",
                    "Group",
                    "ServiceAccount",
                    "InteractiveOrPassword",
                ]),
            ),
            named("RunLevel", Takes::Word(&["Limited", "Highest"])),
        ],
        |_, arguments| Ok(vec![kept("MSFT_TaskPrincipal2", arguments)]),
    ),
    Cmdlet::new(
        "New-ScheduledTaskSettingsSet",
        &[
            named("StartWhenAvailable", Takes::Switch),
            named("AllowStartIfOnBatteries", Takes::Switch),
            named("DontStopIfGoingOnBatteries", Takes::Switch),
            named("Hidden", Takes::Switch),
        ],
        |_, arguments| Ok(vec![kept("MSFT_TaskSettings3", arguments)]),
    ),
    Cmdlet::new(
        "Register-ScheduledTask",
        &[
            NAME,
            PATH,
            named("Action", Takes::Any),
            named("Trigger", Takes::Any),
            named("Principal", Takes::Any),
            named("Settings", Takes::Any),
            named("Force", Takes::Switch),
        ],
        register,
    ),
    Cmdlet::new("Get-ScheduledTask", &[NAME, PATH], |host, arguments| {
        Ok(find(host, arguments, "Get-ScheduledTask")?.into_iter().map(row).collect())
    }),
    Cmdlet::new("Start-ScheduledTask", &[NAME, PATH, piped("InputObject")], start),
    Cmdlet::new("Unregister-ScheduledTask", &[NAME, PATH, piped("InputObject")], unregister),
];

/// What the `New-` cmdlets give: what they were given.
fn kept(of: &'static str, arguments: &Arguments) -> Value {
    Value::object(of, arguments.given.iter().map(|(name, value)| (*name, value.clone())))
}

/// The time that a trigger was given, in seconds since 1970.
fn instant(value: &Value) -> Option<i64> {
    value.get("UnixSeconds").as_ref().unwrap_or(value).as_int()
}

fn register(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let cmdlet = "Register-ScheduledTask";
    let refuse = |category, id: &str, message: &str| {
        Err(ErrorRecord::of(cmdlet, category, "PS_ScheduledTask", id, message))
    };
    let path = arguments.text("TaskPath").unwrap_or_else(|| "\\".to_owned());
    let path = format!("\\{}\\", path.trim_matches('\\')).replace("\\\\", "\\");
    let name = arguments.text("TaskName").unwrap_or_default();
    let part =
        |parameter: &str, property: &str| arguments.get(parameter).and_then(|given| given.get(property));
    let Some(execute) = part("Action", "Execute") else {
        return refuse(
            "InvalidArgument",
            "HRESULT 0x80041319",
            "The task XML is missing a required element or attribute.",
        );
    };
    let triggers = arguments.get("Trigger").map(Value::items).unwrap_or_default();
    let due = triggers.iter().filter_map(|trigger| instant(&trigger.get("At")?)).collect();
    let at_startup = triggers.iter().any(|trigger| trigger.get("AtStartup").is_some_and(|on| on.is_true()));
    if host.task_mut(&path, &name).is_some() && !arguments.is_on("Force") {
        let message = "Cannot create a file when that file already exists.";
        return refuse("NotSpecified", "HRESULT 0x800700b7", message);
    }
    let argument = part("Action", "Argument").map(|argument| argument.to_text()).unwrap_or_default();
    let task = Task { path, name, execute: execute.to_text(), argument, due, at_startup, is_running: false };
    let made = row(&task);
    host.tasks.retain(|old| !(is_name(&old.path, &task.path) && is_name(&old.name, &task.name)));
    host.tasks.push(task);
    Ok(vec![made])
}

/// The tasks that are meant.
fn find<'a>(
    host: &'a WindowsHost,
    arguments: &Arguments,
    cmdlet: &str,
) -> Result<Vec<&'a Task>, ErrorRecord> {
    if let Some(input) = arguments.get("InputObject") {
        let of = |value: &Value, name: &str| value.get(name).unwrap_or(Value::Null).to_text();
        let names: Vec<(String, String)> =
            input.items().iter().map(|task| (of(task, "TaskPath"), of(task, "TaskName"))).collect();
        let is_meant = |task: &&Task| names.contains(&(task.path.clone(), task.name.clone()));
        return Ok(host.tasks.iter().filter(is_meant).collect());
    }
    let (path, name) = (arguments.text("TaskPath"), arguments.text("TaskName"));
    let is_meant = |task: &&Task| {
        path.as_ref().is_none_or(|path| fits(path, &task.path))
            && name.as_ref().is_none_or(|name| fits(name, &task.name))
    };
    let found: Vec<&Task> = host.tasks.iter().filter(is_meant).collect();
    match name.filter(|name| !has_wildcards(name)) {
        Some(name) if found.is_empty() => Err(not_found(cmdlet, CLASS, "TaskName", &name)),
        _ => Ok(found),
    }
}

/// It runs on its own, beside what goes on here: at the next moment that passes.
fn start(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let found = find(host, arguments, "Start-ScheduledTask")?;
    let names: Vec<_> = found.into_iter().map(|task| (task.path.clone(), task.name.clone())).collect();
    let clock = host.clock;
    for (path, name) in names {
        if let Some(task) = host.task_mut(&path, &name) {
            task.due.push(clock);
        }
    }
    Ok(Vec::new())
}

fn unregister(host: &mut WindowsHost, arguments: &Arguments) -> Given {
    let found = find(host, arguments, "Unregister-ScheduledTask")?;
    let gone: Vec<Task> = found.into_iter().cloned().collect();
    host.tasks.retain(|task| !gone.contains(task));
    Ok(Vec::new())
}

fn row(task: &Task) -> Value {
    let state = if task.is_running {
        Value::Enum { name: "Running", number: 4 }
    } else {
        Value::Enum { name: "Ready", number: 3 }
    };
    Value::object(
        "Microsoft.Management.Infrastructure.CimInstance#Root/Microsoft/Windows/TaskScheduler/MSFT_ScheduledTask",
        [("TaskPath", Value::text(&task.path)), ("TaskName", Value::text(&task.name)), ("State", state)],
    )
}
