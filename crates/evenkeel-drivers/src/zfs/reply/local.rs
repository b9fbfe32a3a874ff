//! `zfs get -Hp -o name,property,value,source -s local,received … all`: what each dataset has of its own.

use std::collections::BTreeMap;

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Reply, Request};

use super::failure::{failed, quote, unparsable};
use crate::zfs::name::check_dataset;

/// The values that datasets have of their own.
///
/// Which properties are printed is not known beforehand, so a value with line breaks in it could fake rows:
/// whatever is printed twice is left out, and nothing is ever written on the word of this list alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::zfs) struct LocalValues(BTreeMap<String, BTreeMap<String, Option<String>>>);

impl LocalValues {
    pub(in crate::zfs) fn parse(request: &Request, reply: &Reply) -> Result<Self, ObserveError> {
        if reply.exit != 0 {
            return Err(failed(request, reply));
        }
        if reply.stdout.last().is_some_and(|last| *last != b'\n') {
            return Err(unparsable(request, "the last line is cut short"));
        }
        let mut values = LocalValues::default();
        let mut row: Vec<u8> = Vec::new();
        for line in reply.stdout.split_inclusive(|byte| *byte == b'\n') {
            if begins_row(line) {
                values.add(&row);
                row.clear();
            } else if row.is_empty() {
                return Err(unparsable(request, format!("it begins with `{}`", quote(line))));
            }
            row.extend_from_slice(line);
        }
        values.add(&row);
        Ok(values)
    }

    /// The properties of `dataset` with their values.
    pub(in crate::zfs) fn of(&self, dataset: &str) -> impl Iterator<Item = (&str, &str)> {
        let values = self.0.get(dataset).into_iter().flatten();
        values.filter_map(|(name, value)| Some((name.as_str(), value.as_deref()?)))
    }

    /// Rows that make no sense, or whose value is not UTF-8, cannot be described and are left out.
    fn add(&mut self, row: &[u8]) {
        let Ok(text) = str::from_utf8(row) else { return };
        let mut fields = text.splitn(3, '\t');
        let (Some(name), Some(property), Some(rest)) = (fields.next(), fields.next(), fields.next()) else {
            return;
        };
        let Some((value, _)) = rest.rsplit_once('\t') else { return };
        let of_dataset = self.0.entry(name.to_owned()).or_default();
        let value = (!of_dataset.contains_key(property)).then(|| value.to_owned());
        of_dataset.insert(property.to_owned(), value);
    }
}

fn begins_row(line: &[u8]) -> bool {
    let mut fields = line.splitn(3, |byte| *byte == b'\t');
    let name = fields.next().and_then(|name| str::from_utf8(name).ok());
    let property = fields.next().unwrap_or_default();
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.:".contains(byte);
    let named = !property.is_empty() && property.iter().all(plain) && fields.next().is_some();
    named && name.is_some_and(|name| check_dataset(name).is_ok())
}

#[cfg(test)]
mod tests {
    use evenkeel_core::request::Exec;
    use proptest::prelude::*;

    use super::*;

    fn read(stdout: &[u8]) -> Result<LocalValues, ObserveError> {
        let reply = Reply { exit: 0, stdout: stdout.to_vec(), stderr: Vec::new() };
        LocalValues::parse(&Request::Exec(Exec::new(["zfs", "get"])), &reply)
    }

    #[test]
    fn values_are_read_line_breaks_and_all() {
        let values = read(b"tank\tatime\toff\tlocal\ntank/vm\tcom.acme:nl\ta\nb, c\td\tlocal\ntank/vm\tsync\talways\treceived\n");
        let values = values.unwrap();
        assert_eq!(values.of("tank").collect::<Vec<_>>(), [("atime", "off")]);
        assert_eq!(
            values.of("tank/vm").collect::<Vec<_>>(),
            [("com.acme:nl", "a\nb, c\td"), ("sync", "always")]
        );
        assert_eq!(values.of("tank/no").count(), 0);
    }

    #[test]
    fn what_is_there_twice_is_left_out() {
        let values =
            read(b"tank\tx:y\tv\tlocal\ntank\tsync\tfaked\tlocal\ntank\tsync\treal\tlocal\n").unwrap();
        assert_eq!(values.of("tank").collect::<Vec<_>>(), [("x:y", "v")]);
    }

    #[test]
    fn garbage_and_cut_lines_are_errors() {
        assert!(read(b"\xff\xfe\n").is_err());
        assert!(read(b"tank\tsync\talways\tlocal").is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_met_without_panic(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}
