//! Reading manifests and values from files and folders.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use evenkeel_core::manifest::{MAX_FILE_BYTES, SourceFile};

use crate::args::Manifests;
use crate::error::CliError;

/// One more byte than the manifest reader takes, so that it can say that a file is too large.
const READ_LIMIT: u64 = MAX_FILE_BYTES as u64 + 1;

/// More files than this in one run are a mistake in the path, not manifests.
const MAX_FILES: usize = 20_000;

/// The values file that belongs to a folder of manifests.
const FOLDER_VALUES: &str = "values.yaml";

/// What the user pointed at.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    pub(crate) manifests: Vec<SourceFile>,
    pub(crate) values: Vec<SourceFile>,
    /// Arguments that are `KIND/NAME` and not paths.
    pub(crate) names: Vec<String>,
}

/// Reads everything that `args` names. A path is a file, a folder, or (where no such path exists) `KIND/NAME`.
pub(crate) fn read(args: &Manifests, is_kind: impl Fn(&str) -> bool) -> Result<Inputs, CliError> {
    let mut inputs = Inputs::default();
    let mut paths = Vec::new();
    for arg in &args.paths {
        let named = arg.split_once('/').is_some_and(|(kind, name)| is_kind(kind) && !name.is_empty());
        if named && !Path::new(arg).exists() {
            inputs.names.push(arg.clone());
        } else {
            paths.push(PathBuf::from(arg));
        }
    }
    if paths.is_empty() {
        paths.push(PathBuf::from("."));
    }
    for path in &paths {
        add(path, &mut inputs).map_err(|error| slip(path, error))?;
    }
    once(&mut inputs.manifests);
    once(&mut inputs.values);
    inputs.values.extend(read_values(args)?);
    if inputs.manifests.is_empty() {
        let shown: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
        return Err(CliError::new(format!("no manifests (*.yaml, *.yml) in {}", shown.join(", ")))
            .hint("name the file or folder that holds them"));
    }
    Ok(inputs)
}

/// Reads the files of values that were named, and nothing else.
pub(crate) fn read_values(args: &Manifests) -> Result<Vec<SourceFile>, CliError> {
    args.values.iter().map(|path| read_file(path)).collect()
}

/// Leaves out files that were named twice: `site site/a.yaml`. The last values override, so of them the last stay.
fn once(files: &mut Vec<SourceFile>) {
    let place =
        |file: &SourceFile| Path::new(&file.path).canonicalize().unwrap_or_else(|_| file.path.clone().into());
    let mut seen = HashSet::new();
    let mut kept: Vec<SourceFile> =
        std::mem::take(files).into_iter().rev().filter(|file| seen.insert(place(file))).collect();
    kept.reverse();
    *files = kept;
}

/// A hint for what fingers meant instead of a path that does not exist.
fn slip(path: &Path, error: CliError) -> CliError {
    let text = path.to_string_lossy();
    if path.exists() {
        error
    } else if text.starts_with('~') {
        error.hint("the shell replaces `~` only at the start of a word and outside of quotes")
    } else if text.matches('/').count() == 1 && text.starts_with(|c: char| c.is_ascii_uppercase()) {
        error.hint("if KIND/NAME is meant: `evenkeel explain` lists the kinds")
    } else {
        error
    }
}

fn add(path: &Path, inputs: &mut Inputs) -> Result<(), CliError> {
    let about = |e| CliError::new(format!("cannot read {}", path.display())).because(e);
    if !std::fs::metadata(path).map_err(about)?.is_dir() {
        inputs.manifests.push(read_file(path)?);
        return Ok(());
    }
    let values = path.join(FOLDER_VALUES);
    if values.is_file() {
        inputs.values.push(read_file(&values)?);
    }
    walk(path, inputs)
}

/// Files of a folder in the order of their names, then its folders. Hidden entries and links to folders are
/// left out: `.git` holds no manifests, and links can go round in circles.
fn walk(folder: &Path, inputs: &mut Inputs) -> Result<(), CliError> {
    let about = |e| CliError::new(format!("cannot read {}", folder.display())).because(e);
    let mut entries =
        std::fs::read_dir(folder).map_err(about)?.collect::<Result<Vec<_>, _>>().map_err(about)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().map_err(about)?;
        if name.starts_with('.') {
            continue;
        }
        if kind.is_dir() {
            folders.push(path);
        } else if is_manifest(&name) && path.is_file() {
            inputs.manifests.push(read_file(&path)?);
        }
        if inputs.manifests.len() > MAX_FILES {
            return Err(CliError::new(format!(
                "more than {MAX_FILES} manifest files below {}",
                folder.display()
            ))
            .hint("name a folder further down"));
        }
    }
    folders.iter().try_for_each(|f| walk(f, inputs))
}

/// `*.yaml` and `*.yml`, but not values files, and not the encrypted files that secrets name.
fn is_manifest(name: &str) -> bool {
    let stem = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml"));
    let is_other = |stem: &str| [".values", ".sops", ".enc"].iter().any(|end| stem.ends_with(end));
    stem.is_some_and(|stem| stem != "values" && !is_other(stem))
}

/// Reads one file, but not much more of it than a manifest may have.
pub(crate) fn read_file(path: &Path) -> Result<SourceFile, CliError> {
    let about = |e| CliError::new(format!("cannot read {}", path.display())).because(e);
    let mut bytes = Vec::new();
    File::open(path).and_then(|f| f.take(READ_LIMIT).read_to_end(&mut bytes)).map_err(about)?;
    let shown = path.strip_prefix(".").unwrap_or(path);
    Ok(SourceFile { path: shown.display().to_string(), bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(paths: &[&str]) -> Manifests {
        let paths = paths.iter().map(|p| (*p).to_owned()).collect();
        Manifests { paths, values: vec![], label: vec![], target: vec![] }
    }

    #[test]
    fn folders_are_read_in_order_without_hidden_and_values_files() {
        let dir = tempfile::tempdir().unwrap();
        let others =
            ["values.yaml", "prod.values.yaml", "keys.sops.yaml", "k.enc.yml", ".hidden.yaml", "note.txt"];
        for name in ["b.yaml", "a.yml"].into_iter().chain(others) {
            std::fs::write(dir.path().join(name), name).unwrap();
        }
        std::fs::create_dir_all(dir.path().join(".git")).unwrap();
        std::fs::write(dir.path().join(".git/x.yaml"), "x").unwrap();
        std::fs::create_dir_all(dir.path().join("sub")).unwrap();
        std::fs::write(dir.path().join("sub/c.yaml"), "c").unwrap();
        let inputs = read(&args(&[dir.path().to_str().unwrap()]), |_| false).unwrap();
        let names = |files: &[SourceFile]| -> Vec<String> {
            files.iter().map(|f| f.path.rsplit('/').next().unwrap().to_owned()).collect()
        };
        assert_eq!(names(&inputs.manifests), ["a.yml", "b.yaml", "c.yaml"]);
        assert_eq!(names(&inputs.values), ["values.yaml"]);
    }

    #[test]
    fn a_kind_and_name_selects_where_no_such_path_exists() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.yaml"), "").unwrap();
        let inputs =
            read(&args(&[dir.path().to_str().unwrap(), "ZfsDataset/pool1"]), |k| k == "ZfsDataset").unwrap();
        assert_eq!(inputs.names, ["ZfsDataset/pool1"]);
    }

    #[test]
    fn a_file_that_is_named_twice_is_read_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.yaml");
        std::fs::write(&file, "").unwrap();
        std::fs::write(dir.path().join("values.yaml"), "").unwrap();
        let (dir, file) = (dir.path().to_str().unwrap(), file.to_str().unwrap());
        let inputs = read(&args(&[dir, file, &format!("{dir}/.")]), |_| false).unwrap();
        assert_eq!((inputs.manifests.len(), inputs.values.len()), (1, 1));
    }

    #[test]
    fn a_slip_in_a_path_gets_a_hint() {
        let hint = |path: &str| read(&args(&[path]), |_| false).unwrap_err().to_string();
        assert!(hint("~/nowhere").contains("the shell replaces"), "{}", hint("~/nowhere"));
        assert!(hint("ZfsDatset/pool1").contains("lists the kinds"), "{}", hint("ZfsDatset/pool1"));
    }

    #[test]
    fn an_empty_folder_is_an_error_with_a_hint() {
        let dir = tempfile::tempdir().unwrap();
        let error = read(&args(&[dir.path().to_str().unwrap()]), |_| false).unwrap_err();
        assert!(error.to_string().contains("no manifests") && error.to_string().contains("hint:"), "{error}");
    }
}
