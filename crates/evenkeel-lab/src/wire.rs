//! What a shim and the lab say to each other over the lab's socket: length-prefixed strings.

use evenkeel_core::request::Reply;

use crate::zfs::Rights;

/// A command that a simulated program was started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The target that it runs on.
    pub target: String,
    /// With whose rights.
    pub rights: Rights,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// What it was given on standard input, where anybody asks for that.
    pub stdin: String,
}

impl Call {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let rights = match self.rights {
            Rights::Root => "root",
            Rights::User => "user",
        };
        let mut bytes = Vec::new();
        for field in [self.target.as_str(), rights, &self.stdin]
            .into_iter()
            .chain(self.argv.iter().map(String::as_str))
        {
            put(&mut bytes, field.as_bytes());
        }
        bytes
    }

    /// From [`Call::encode`]; `None` for anything else.
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            fields.push(String::from_utf8_lossy(take(&mut bytes)?).into_owned());
        }
        let mut fields = fields.into_iter();
        let target = fields.next()?;
        let rights = if fields.next()? == "root" { Rights::Root } else { Rights::User };
        let stdin = fields.next()?;
        Some(Call { target, rights, argv: fields.collect(), stdin })
    }
}

/// A reply as bytes.
pub fn encode_reply(reply: &Reply) -> Vec<u8> {
    let mut bytes = reply.exit.to_be_bytes().to_vec();
    put(&mut bytes, &reply.stdout);
    put(&mut bytes, &reply.stderr);
    bytes
}

/// From [`encode_reply`]; `None` for anything else.
pub fn decode_reply(bytes: &[u8]) -> Option<Reply> {
    let (exit, mut rest) = bytes.split_at_checked(4)?;
    let exit = i32::from_be_bytes(exit.try_into().ok()?);
    let stdout = take(&mut rest)?.to_vec();
    let stderr = take(&mut rest)?.to_vec();
    Some(Reply { exit, stdout, stderr })
}

fn put(into: &mut Vec<u8>, field: &[u8]) {
    let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
    into.extend(length.to_be_bytes());
    into.extend(field);
}

fn take<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = from.split_at_checked(4)?;
    let length = usize::try_from(u32::from_be_bytes(length.try_into().ok()?)).ok()?;
    let (field, rest) = rest.split_at_checked(length)?;
    *from = rest;
    Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_replies_survive_the_wire() {
        let argv = vec!["zfs".to_owned(), String::new(), "a b\n".to_owned()];
        let call = Call { target: "durian".to_owned(), rights: Rights::User, argv, stdin: "in\n".to_owned() };
        assert_eq!(Call::decode(&call.encode()), Some(call));
        let reply = Reply { exit: -1, stdout: vec![0xff, 0], stderr: Vec::new() };
        assert_eq!(decode_reply(&encode_reply(&reply)), Some(reply));
        assert_eq!(decode_reply(b"junk"), None);
        assert_eq!(Call::decode(&[0, 0, 0, 9, b'x']), None);
    }
}
