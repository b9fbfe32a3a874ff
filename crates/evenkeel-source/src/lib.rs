//! Where manifests come from: git repositories and folders, fetched and verified.
