//! A call of Proxmox VE's interface as `pvesh` on the node itself, for targets behind SSH.
//!
//! From pvesh's source: it prints the data as JSON in one line, and nothing where there is none. What goes wrong is told
//! on standard error, for a refused parameter or permission with the HTTP status before it (`400 Parameter
//! verification failed.`), then a line `field: problem` for each parameter, then its usage; the exit status is Perl's.

use evenkeel_core::request::{ApiRequest, Exec, Method, Reply, Request};
use evenkeel_core::target::Target;
use evenkeel_core::transport::{Transport, TransportError};

/// What a shell says of a program that it does not find.
const NOT_FOUND: i32 = 127;

/// Makes calls on a target that runs commands.
pub(crate) async fn exchange(
    shell: &dyn Transport,
    target: &Target,
    requests: &[Request],
) -> Vec<Result<Reply, TransportError>> {
    let as_command = |request: &Request| match request {
        Request::Api(api) => Request::Exec(command(api)),
        other => other.clone(),
    };
    let commands: Vec<Request> = requests.iter().map(as_command).collect();
    let answers = shell.exchange(target, &commands).await;
    let told = |(request, answer): (&Request, Result<Reply, TransportError>)| match request {
        Request::Api(api) => answer.map(|of_command| reply(api, of_command)),
        _ => answer,
    };
    requests.iter().zip(answers).map(told).collect()
}

/// The command for a call.
fn command(api: &ApiRequest) -> Exec {
    let mut exec = Exec::new(["pvesh", api.method.pvesh()]).arg(api.path.clone());
    for (name, value) in api.each_param() {
        // In one word: a value may begin with dashes.
        exec = exec.arg(format!("--{name}={value}"));
    }
    exec.arg("--output-format").arg("json")
}

/// The reply to a call, from that of its command.
fn reply(api: &ApiRequest, of_command: Reply) -> Reply {
    let Reply { exit, stdout, stderr } = of_command;
    if exit == 0 {
        // One that reads always prints something; whatever prints nothing instead is no answer.
        let is_silent = stdout.iter().all(u8::is_ascii_whitespace) && api.method != Method::Get;
        let stdout = if is_silent { b"null".to_vec() } else { stdout };
        return Reply { exit, stdout, stderr };
    }
    let said = String::from_utf8_lossy(&stderr);
    let status = said.lines().find_map(status_of);
    let exit = match status {
        Some((status, _)) => status,
        None if exit == NOT_FOUND => exit,
        None => 1,
    };
    let lines = said.lines().filter(|line| !line.starts_with("pvesh ")).map(|line| {
        let told = status_of(line).map_or(line, |(_, told)| told);
        format!("{told}\n")
    });
    Reply { exit, stdout, stderr: lines.collect::<String>().into_bytes() }
}

/// The status that a line begins with, and what follows it.
fn status_of(line: &str) -> Option<(i32, &str)> {
    let (status, told) = line.split_once(' ')?;
    let status = status.parse().ok().filter(|status| (400..600).contains(status))?;
    Some((status, told))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(exit: i32, stdout: &str, stderr: &str) -> Reply {
        Reply { exit, stdout: stdout.as_bytes().to_vec(), stderr: stderr.as_bytes().to_vec() }
    }

    #[test]
    fn parameters_are_words_of_their_own() {
        let api = ApiRequest::new(Method::Put, "/cluster/backup/a")
            .param("comment", "--it's a \"test\"")
            .param("exclude-path", "/tmp/?*\0/var/tmp");
        assert_eq!(
            command(&api).words(),
            [
                "pvesh",
                "set",
                "/cluster/backup/a",
                "--comment=--it's a \"test\"",
                "--exclude-path=/tmp/?*",
                "--exclude-path=/var/tmp",
                "--output-format",
                "json"
            ]
        );
    }

    #[test]
    fn a_refusal_has_its_status_and_no_usage() {
        let api = ApiRequest::new(Method::Get, "/cluster/backup/fix5");
        let stderr =
            "400 Parameter verification failed.\nid: No such job 'fix5'\npvesh get <api_path> [OPTIONS]\n";
        let told = reply(&api, said(255, "", stderr));
        assert_eq!(told, said(400, "", "Parameter verification failed.\nid: No such job 'fix5'\n"));
        assert_eq!(reply(&api, said(255, "", "got timeout\n")), said(1, "", "got timeout\n"));
        assert_eq!(reply(&api, said(127, "", "sh: pvesh: not found\n")).exit, 127);
    }

    #[test]
    fn silence_is_an_answer_to_a_write_only() {
        let written = reply(&ApiRequest::new(Method::Put, "/cluster/backup/a"), said(0, "", ""));
        assert_eq!(written, said(0, "null", ""));
        let read = reply(&ApiRequest::new(Method::Get, "/cluster/backup"), said(0, "", ""));
        assert_eq!(read, said(0, "", ""));
    }
}
