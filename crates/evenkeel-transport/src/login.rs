//! What a login says that does not find the program it was asked for, and what machine it seems to be by that.

use memchr::memmem;

use crate::powershell::clixml;

/// The login shell of a machine that lacks a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoginShell {
    /// Of a Unix: `sh: 1: powershell: not found`.
    Unix,
    /// `cmd.exe`, which Windows has where nobody changed it: `'/bin/sh' is not recognized as an internal or external
    /// command`.
    Cmd,
    /// PowerShell, where `DefaultShell` is set to it: `The term '/bin/sh' is not recognized as the name of a cmdlet`.
    PowerShell,
}

impl LoginShell {
    /// What it is called; `None` where it may be any of several.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            LoginShell::Unix => None,
            LoginShell::Cmd => Some("cmd.exe"),
            LoginShell::PowerShell => Some("PowerShell"),
        }
    }
}

/// The status of a shell that does not find a command.
const NOT_FOUND: i32 = 127;

/// The status of `cmd.exe` after a command that it does not find; a batch file sees the other one.
const CMD_NOT_FOUND: [i32; 2] = [1, 9009];

/// What `cmd.exe` says of `/bin/sh` where it takes that for a path: in English, and in Japanese, both as UTF-8 and in the
/// code page that it has without a terminal.
const NO_SUCH_PATH: [&[u8]; 3] = [
    b"The system cannot find the path specified.",
    "パスが見つかりません".as_bytes(),
    b"\x83p\x83X\x82\xaa\x8c\xa9\x82\xc2\x82\xa9\x82\xe8\x82\xdc\x82\xb9\x82\xf1",
];

/// Which shell it is that ended with `status` and said `said` instead of running `program`; `None` where that is not clear.
///
/// Messages are in the machine's language, so they are told by what does not depend on it: `cmd.exe` quotes the program
/// and ends its lines with a carriage return; PowerShell names the exception, wrapped wherever its line is full.
pub(crate) fn lacking(program: &str, status: i32, said: &[u8]) -> Option<LoginShell> {
    let text = clixml::text(&String::from_utf8_lossy(said));
    let dense: String = text.split_whitespace().collect();
    let names = |word: &str| dense.contains(word) && dense.contains(program);
    if names("CommandNotFoundException")
        || names("isnotrecognizedasthenameofa")
        || names("isnotrecognizedasanameofa")
    {
        return Some(LoginShell::PowerShell);
    }
    let quoted = ['\'', '"'].iter().any(|quote| text.contains(&format!("{quote}{program}{quote}")));
    let no_path = NO_SUCH_PATH.iter().any(|words| memmem::find(said, words).is_some());
    let of_cmd = CMD_NOT_FOUND.contains(&status) && (quoted || no_path) && text.contains("\r\n");
    if of_cmd || names("isnotrecognizedasaninternalorexternalcommand") {
        return Some(LoginShell::Cmd);
    }
    let lower = dense.to_lowercase();
    let of_unix = lower.contains(&program.to_lowercase())
        && (lower.contains("commandnotfound") || lower.contains(":notfound"));
    (status == NOT_FOUND || of_unix).then_some(LoginShell::Unix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: i32, said: &str) -> Option<LoginShell> {
        let program = if said.contains("/bin/sh") { "/bin/sh" } else { "powershell" };
        lacking(program, status, said.as_bytes())
    }

    #[test]
    fn cmd_is_told_in_every_language() {
        // As found in reports of people who asked it for that.
        for said in [
            "'/bin/sh' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n",
            "'/bin/sh' は、内部コマンドまたは外部コマンド、\r\n操作可能なプログラムまたはバッチ ファイルとして認識されていません。\r\n",
            "Der Befehl \"/bin/sh\" ist entweder falsch geschrieben oder\r\nkonnte nicht gefunden werden.\r\n",
            "'/bin/sh' n\u{2019}est pas reconnu en tant que commande interne\r\nou externe, un programme\r\n",
            "'powershell' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n",
        ] {
            assert_eq!(of(1, said), Some(LoginShell::Cmd), "{said}");
        }
        assert_eq!(
            lacking("/bin/sh", 1, b"The system cannot find the path specified.\r\n"),
            Some(LoginShell::Cmd)
        );
        let of_code_page = [b"'/bin/sh' ".as_slice(), b"\x82\xcd\x81A\x93\xe0\x95\x94\r\n"].concat();
        assert_eq!(lacking("/bin/sh", 1, &of_code_page), Some(LoginShell::Cmd));
        let path =
            [b"\x8ew\x92\xe8\x82\xb3\x82\xea\x82\xbd".as_slice(), NO_SUCH_PATH[2], b"\x81B\r\n"].concat();
        assert_eq!(lacking("/bin/sh", 1, &path), Some(LoginShell::Cmd));
    }

    #[test]
    fn powershell_is_told_by_the_exception_wherever_it_is_wrapped() {
        let windows = "/bin/sh : The term '/bin/sh' is not recognized as the name of a cmdlet, function, script \r\n\
                       file, or operable program.\r\nAt line:1 char:1\r\n+ /bin/sh\r\n+ ~~~~~~~\r\n    \
                       + CategoryInfo          : ObjectNotFound: (/bin/sh:String) [], CommandNotF \r\n   \
                       oundException\r\n    + FullyQualifiedErrorId : CommandNotFoundException\r\n";
        let japanese = "/bin/sh : 用語 '/bin/sh' は、コマンドレット、関数、スクリプト ファイル、または操作可能な\r\n\
                        プログラムの名前として認識されません。\r\n    + FullyQualifiedErrorId : CommandNotFoundEx\r\n   ception\r\n";
        let newer = "\u{1b}[31;1m/bin/sh: \u{1b}[31;1mThe term '/bin/sh' is not recognized as a name of a cmdlet\u{1b}[0m\r\n";
        let clixml = "#< CLIXML\r\n<Objs Version=\"1.1.0.1\"><S S=\"Error\">/bin/sh : The term '/bin/sh' is not \
                      _x000D__x000A_</S><S S=\"Error\">recognized as the name of a cmdlet_x000D__x000A_</S></Objs>";
        for said in [windows, japanese, newer, clixml] {
            assert_eq!(of(1, said), Some(LoginShell::PowerShell), "{said}");
        }
    }

    #[test]
    fn shells_of_unix_are_told_and_what_is_not_clear_is_not() {
        for (status, said) in [
            (127, "sh: 1: powershell: not found\n"),
            (127, "bash: line 1: powershell: command not found\n"),
            (127, "zsh:1: command not found: powershell\n"),
            (1, "powershell: Command not found.\n"),
            (127, ""),
        ] {
            assert_eq!(of(status, said), Some(LoginShell::Unix), "{said}");
        }
        for (status, said) in [
            (1, "This account is currently not available.\n"),
            (1, "This account is currently not available.\r\n"),
            (126, "bash: /usr/bin/powershell: Permission denied\n"),
            (0, ""),
        ] {
            assert_eq!(of(status, said), None, "{said}");
        }
    }
}
