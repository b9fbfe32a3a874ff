//! The two dialects of `esxcli`, told apart by what a host answers.
